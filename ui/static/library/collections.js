// @ts-check
/** Collections, named sets of documents and folders: what a person does to them, and the dialogs for it. */

import { toggled } from "../chats/scope.js";
import { html, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Dialog, Name, visible } from "../parts/parts.js";
import { post, remove, request } from "../state/api.js";
import { attempt, collections, loadCollections, notify } from "../state/store.js";
import { t } from "../words/words.js";

/** @typedef {import("../state/store.js").Collection} Collection */

/** @param {string} name @param {string[]} locations */
const make = (name, locations) =>
  attempt(async () => {
    const made = await post("/api/collections", { name, locations });
    await loadCollections();
    return made;
  });

/** @param {number} id @param {{name?: string, add?: string[], remove?: string[]}} change */
export const changeCollection = (id, change) =>
  attempt(async () => {
    const changed = await request("PATCH", `/api/collections/${id}`, change);
    await loadCollections();
    return changed;
  });

/** @param {Collection} collection */
export const deleteCollection = (collection) =>
  attempt(async () => {
    collections.value = (await remove(`/api/collections/${collection.id}`)).collections;
    const { id, name, locations } = collection;
    const undo = () => attempt(() => post(`/api/collections/${id}/restore`, { name, locations }).then(loadCollections));
    notify(t("collection.deleted", { name: visible(collection.name) }), { action: t("undo"), onAction: undo });
  });

/** Asks for the name of a new collection, or another name. @param {{collection: Collection|null, onClose: () => void}} props */
export function NameDialog({ collection, onClose }) {
  const [name, setName] = useState(collection?.name ?? "");
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!name.trim()) return;
    if (await (collection ? changeCollection(collection.id, { name }) : make(name, []))) onClose();
  };
  return html`<${Dialog} title=${t(collection ? "collection.rename" : "collection.new")} onClose=${onClose}>
    <form class="row" onSubmit=${save}>
      <input class="field" id="collection-name" aria-label=${t("collection.name")} placeholder=${t("collection.name")} maxlength="100" autofocus autocomplete="off" value=${name}
        onInput=${(/** @type {any} */ event) => setName(event.target.value)} />
      <button type="submit" class="button primary" disabled=${!name.trim()}>${t(collection ? "rename" : "collection.make")}</button>
    </form>
  <//>`;
}

/** Puts documents and folders into collections, known ones or a new one. @param {{locations: string[], onClose: () => void}} props */
export function CollectDialog({ locations, onClose }) {
  const known = collections.value ?? [];
  const [chosen, choose] = useState(/** @type {number[]} */ ([]));
  const [name, setName] = useState("");
  const add = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const names = [];
    for (const id of chosen) {
      const changed = await changeCollection(id, { add: locations });
      if (!changed) return;
      names.push(changed.name);
    }
    if (name.trim()) {
      const made = await make(name, locations);
      if (!made) return;
      names.push(made.name);
    }
    onClose();
    notify(t("collection.added", { count: locations.length, names: names.map((one) => `“${visible(one)}”`).join(", ") }));
  };
  return html`<${Dialog} title=${t("collection.addTitle")} onClose=${onClose} class="collect">
    <form onSubmit=${add}>
      <ul class="checks">
        ${known.map(
          (one) => html`<li key=${one.id}><label><input type="checkbox" checked=${chosen.includes(one.id)} onChange=${() => choose(toggled(chosen, one.id))} />
            <${Icon} name="collection" /><${Name}>${one.name}<//></label></li>`,
        )}
      </ul>
      <div class="row"><input class="field" id="collection-name" aria-label=${t("collection.new")} placeholder=${t("collection.new")} maxlength="100" autofocus autocomplete="off" value=${name}
        onInput=${(/** @type {any} */ event) => setName(event.target.value)} />
        <button type="submit" class="button primary" disabled=${!chosen.length && !name.trim()}>${t("collection.put")}</button></div>
    </form>
  <//>`;
}
