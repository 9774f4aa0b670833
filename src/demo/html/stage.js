"use strict";
// Everything is shown as text: names come from strangers.
const element = (tag, text, className = "") => {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
};

const left = (until, now) => {
  const seconds = Math.ceil((Date.parse(until) - now) / 1000);
  if (seconds <= 0) return "time is up";
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(seconds % 60).padStart(2, "0")} left`;
};

const account = (it, now) => {
  const item = document.createElement("li");
  const head = element("div", "", "row");
  const state = it.active ? "active" : "disabled";
  head.append(element("strong", it.user_name), element("span", state, `state ${state}`));
  item.append(head, element("p", it.groups.join(", ") || "in no group", "quiet"));
  if (it.until && it.active) item.append(element("p", left(it.until, now), "number"));
  return item;
};

const event = (it) => {
  const item = document.createElement("li");
  item.append(element("time", it.at.slice(11, 19)), element("strong", it.what), element("span", it.detail ?? "", "quiet"));
  return item;
};

const show = (id, items) => {
  if (items.length === 0) items = [element("li", "None yet.", "quiet")];
  document.getElementById(id).replaceChildren(...items);
};

let seen = "";
const look = async () => {
  try {
    const answer = await fetch("/now", { cache: "no-store" });
    const stage = await answer.json();
    show("accounts", stage.accounts.map((it) => account(it, Date.parse(stage.now))));
    // A live region that is rewritten is read aloud again, so only when there is news.
    const news = JSON.stringify(stage.events);
    if (news !== seen) show("events", stage.events.map(event).reverse());
    seen = news;
    document.body.classList.remove("away");
  } catch {
    document.body.classList.add("away");
  }
  setTimeout(look, 500);
};
look();
