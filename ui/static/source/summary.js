// @ts-check
/** The summary of a whole document, which is a question in a chat of its own. */

import { ask, changeChat, go } from "../state/store.js";
import { t } from "../words/words.js";

/** Summarises a whole document, in a chat of its own that asks this document alone. @param {{id: number, title: string}} document */
export async function summarise(document) {
  go("/");
  const chat = await ask(t("chat.summarise"), null, { within: { documents: [document.id] } });
  if (chat) await changeChat(chat, { title: t("chat.summaryOf", { title: document.title }) });
}
