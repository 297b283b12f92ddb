"""Conversations as they are listed, read and changed; and the name that a language model gives one."""

from typing import TYPE_CHECKING

from app.events import ConversationInfo, Exchange, Scope

if TYPE_CHECKING:
    from app.conversations.folders import ConversationFolders
    from app.wiring import Parts


class ConversationViews:
    """The part of the Assistant that keeps conversations. ConversationError for an id that does not exist."""

    def __init__(self, parts: "Parts") -> None:
        self._parts = parts

    def conversations(self, holding: str = "") -> list[ConversationInfo]:
        """Newest first; with ``holding`` only those in which its words stand."""
        return self._parts.conversations.all(holding)

    def conversation(self, conversation_id: str) -> list[Exchange]:
        """The branch that is shown, oldest first."""
        return self._parts.conversations.exchanges(conversation_id)

    def all_exchanges(self, conversation_id: str) -> list[Exchange]:
        """Those of every branch, in the order in which they were asked."""
        return self._parts.conversations.all_exchanges(conversation_id)

    def show_exchange(self, conversation_id: str, exchange: int) -> None:
        """Shows the branch on which an exchange lies; further questions follow it."""
        self._parts.conversations.show(conversation_id, exchange)

    def rename_conversation(self, conversation_id: str, title: str) -> None:
        self._parts.conversations.rename(conversation_id, title)

    def pin_conversation(self, conversation_id: str, pinned: bool) -> None:
        self._parts.conversations.pin(conversation_id, pinned)

    def choose_model(self, conversation_id: str, model: str | None) -> None:
        """Keeps which model answers further questions of a conversation; None for the one that is set up."""
        self._parts.conversations.choose(conversation_id, model=model)

    def restrict_conversation(self, conversation_id: str, scope: Scope) -> None:
        """Keeps what further questions of a conversation ask."""
        self._parts.conversations.restrict(conversation_id, scope)

    @property
    def conversation_folders(self) -> "ConversationFolders":
        """The folders in which conversations lie."""
        from app.conversations.folders import ConversationFolders

        return ConversationFolders(self._parts.conversations)

    def copy_conversation(self, conversation_id: str, before: int | None = None) -> str:
        """Copies the branch that is shown, up to the exchange ``before`` if that is given. Returns the copy's id."""
        return self._parts.conversations.copy(conversation_id, before)

    def delete_conversation(self, conversation_id: str, *, undo: bool = False) -> None:
        """Deletes a conversation; with ``undo``, ``restore_conversation`` brings it back within a day."""
        self._parts.conversations.delete(conversation_id, undo=undo)

    def restore_conversation(self, conversation_id: str) -> None:
        self._parts.conversations.restore(conversation_id)

    def wipe_conversations(self) -> None:
        """Deletes all conversations for good."""
        self._parts.conversations.wipe()

    def forget_exchange(self, conversation_id: str, exchange: int) -> None:
        self._parts.conversations.forget(conversation_id, exchange)

    def mark_exchange(self, conversation_id: str, exchange: int, feedback: int) -> None:
        """Keeps what the person thinks of an answer: 1 good, -1 bad, 0 nothing."""
        self._parts.conversations.mark(conversation_id, exchange, feedback)

    def title_by_model(self, conversation_id: str) -> bool:
        """Has the language model name a conversation of one exchange, where a large one is set up and no person has
        named it. Returns whether it did."""
        from app.conversations.titles import title_of

        info = next((info for info in self.conversations() if info.id == conversation_id), None)
        generator = None if info is None else self._parts.with_model(info.model).generator(thinking_tokens=0)
        exchanges = self.conversation(conversation_id) if generator is not None else []
        if info is None or generator is None or len(exchanges) != 1 or exchanges[0].stopped:
            return False
        question = exchanges[0].question
        if info.title != self._parts.titler.title(question, ""):  # a person's own
            return False
        title = title_of(question, exchanges[0].answer.text, generator)
        if title is None:
            return False
        self.rename_conversation(conversation_id, title)
        return True
