"""The parts with which a user of a server asks: conversations of their own, everything else is what all share."""

import threading
from typing import TYPE_CHECKING, Any

from app.errors import ModelError

if TYPE_CHECKING:
    from app.conversations.store import Conversations
    from app.settings.users import User
    from app.wiring import Parts


class UserParts:
    """Stands for ``app.wiring.Parts``. The conversations lie in a file of the user's folder on this computer, also
    where the library is on a server."""

    def __init__(self, shared: "Parts", user: "User") -> None:
        self._shared = shared
        self._name = user.name
        self._is_admin = user.admin
        self.owner = "" if user.admin else user.name  # an administrator's collections are everybody's
        self._conversations: Conversations | None = None
        self._lock = threading.Lock()

    @property
    def conversations(self) -> "Conversations":
        from app.conversations.store import Conversations

        with self._lock:
            if self._conversations is None:
                folder = self._shared.settings.folder.of_user(self._name)
                folder.create()
                self._conversations = Conversations(folder.conversations)
            return self._conversations

    def with_model(self, name: str | None) -> "Parts":
        """As ``Parts.with_model``; a user who is no administrator names an installed model, not any folder of the
        server."""
        if name is not None and not self._is_admin:
            from app.models.store import ModelStore
            from app.settings.paths import BUILTIN

            if name not in (BUILTIN, *ModelStore(self._shared.settings.folder.models, None).names()):
                raise ModelError(f'There is no model "{name}".', "`docent model list` shows those that there are.")
        return self._shared.with_model(name)

    def close(self) -> None:
        with self._lock:
            conversations, self._conversations = self._conversations, None
        if conversations is not None:
            conversations.close()

    def __getattr__(self, part: str) -> Any:
        return getattr(self._shared, part)
