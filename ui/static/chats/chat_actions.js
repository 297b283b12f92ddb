// @ts-check
/** What is done to a chat, as items of a menu: in the list of chats, and above the open one. */

import { save } from "../parts/save.js";
import { changeChat, copyChat } from "../state/store.js";
import { t } from "../words/words.js";

/** @param {import("../state/store.js").Chat} chat */
export const chatActions = (chat) => [
  { label: t(chat.pinned ? "chats.unpin" : "chats.pin"), icon: "pin", onClick: () => changeChat(chat.id, { pinned: !chat.pinned }) },
  { label: t("chats.copy"), icon: "copy", onClick: () => copyChat(chat.id) },
  { label: t("chats.export"), icon: "download", onClick: () => save(`/api/conversations/${chat.id}/export`, `${chat.title}.md`) },
  { label: t("chats.exportJson"), icon: "download", onClick: () => save(`/api/conversations/${chat.id}?all=true`, `${chat.title}.json`) },
  { label: t("chats.exportAll"), icon: "download", onClick: () => save("/api/conversations/export", "") },
];
