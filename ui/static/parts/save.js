// @ts-check
/** Files that the browser saves. */

/** Saves what an address gives under a name. @param {string} address @param {string} name */
export function save(address, name) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name.replace(/[\\/:*?"<>|\u0000-\u001f]/g, "_");
  document.body.append(link);
  link.click();
  link.remove();
}
