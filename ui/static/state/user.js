// @ts-check
/** Who uses this page, where Docent has users: a cookie tells it. What they may do is the server's to say; here it only decides what is shown. */

const found = document.cookie.split("; ").find((one) => one.startsWith(`docent-user-${location.port}=`));
const [name = "", role = ""] = found?.split("=")[1].split(".") ?? [];

/** The name with which somebody has signed in, "" for who started Docent. */
export const userName = name;
/** Whether library, models and settings may be changed here. */
export const mayChange = !name || role === "admin";

/** Marks the page, so that what this user may not do is not shown (.for-admins in style/base.css). */
export function markUser() {
  if (!mayChange) document.documentElement.dataset.role = "user";
}

/** Ends the session, and shows the door. */
export async function signOut() {
  await fetch("/api/session/end", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" }).catch(() => undefined);
  location.assign("/");
}
