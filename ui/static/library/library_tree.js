// @ts-check
/** The rows of the library: each collection and source with what lies below it, folder by folder where rows are in order of their names. */

/** @typedef {import("../state/store.js").Doc} Doc */
/** @typedef {import("./library.js").Group} Group */
/**
 * A row. `above` is the key of the row that it is folded with; what can be folded itself has `count` documents below it. `where` is the folder of a
 * document that does not stand below it.
 * @typedef {{key: string, group: Group, kind: "collection"|"source"|"place"|"branch"|"document", above: string, depth: number, folder?: string, count?: number, one?: Doc, where?: string}} Row
 */
/** @typedef {{path: string, branches: Map<string, Branch>, members: Doc[], count: number}} Branch */

const SEPARATORS = /[/\\]/;
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** @param {Group[]} groups @param {string[]} folded keys @param {{isTree: boolean, isDown: boolean}} order @returns {Row[]} */
export function rowsOf(groups, folded, order) {
  const closed = new Set(folded);
  /** @type {Row[]} */
  const rows = [];
  for (const group of groups) {
    rows.push({ key: group.key, group, kind: group.collection ? "collection" : "source", above: group.key, depth: 0, count: group.total });
    if (closed.has(group.key)) continue;
    for (const folder of group.folders) rows.push({ key: `${group.key} ${folder}`, group, kind: "place", above: group.key, depth: 0, folder });
    if (order.isTree && group.source?.kind === "folder") below(branchOf(group.source.location, group.members), group, closed, order.isDown, group.key, 0, rows);
    else rows.push(...group.members.map((one) => document(group, one, group.key, 0, folderOf(group, one))));
  }
  return rows;
}

/** @param {Group} group @param {Doc} one @param {string} above @param {number} depth @param {string} [where] @returns {Row} */
const document = (group, one, above, depth, where = "") => ({ key: `${group.key} ${one.id}`, group, kind: "document", above, depth, one, where });

/** The folder that a document lies in, below that of its source. @param {Group} group @param {Doc} one */
function folderOf({ source }, one) {
  const folders = one.path.split(SEPARATORS).slice(0, -1);
  if (one.path.includes("://")) return "";
  return (source ? folders.slice(source.location.split(SEPARATORS).length) : folders.slice(-1)).join("/");
}

/** @param {string} location of a folder @param {Doc[]} members in order */
function branchOf(location, members) {
  /** @type {Branch} */
  const root = { path: location, branches: new Map(), members: [], count: 0 };
  for (const one of members) {
    const inside = one.path.slice(location.length).split(SEPARATORS).filter(Boolean);
    let at = root;
    let end = location.length;
    for (const name of inside.slice(0, -1)) {
      end = one.path.indexOf(name, end) + name.length;
      let next = at.branches.get(name);
      if (!next) at.branches.set(name, (next = { path: one.path.slice(0, end), branches: new Map(), members: [], count: 0 }));
      next.count++;
      at = next;
    }
    at.members.push(one);
  }
  return root;
}

/** Adds the rows below a branch, folders first. @param {Branch} branch @param {Group} group @param {Set<string>} closed @param {boolean} isDown @param {string} above @param {number} depth @param {Row[]} rows */
function below(branch, group, closed, isDown, above, depth, rows) {
  const names = [...branch.branches.keys()].sort(collator.compare);
  for (const name of isDown ? names.reverse() : names) {
    const next = /** @type {Branch} */ (branch.branches.get(name));
    const key = `${group.key} ${next.path}`;
    rows.push({ key, group, kind: "branch", above: key, depth, folder: next.path, count: next.count });
    if (!closed.has(key)) below(next, group, closed, isDown, key, depth + 1, rows);
  }
  for (const one of branch.members) rows.push(document(group, one, above, depth));
}
