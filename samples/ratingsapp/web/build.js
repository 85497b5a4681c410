// SPDX-License-Identifier: Apache-2.0
// ratings-web in the browser: three views behind one page, filled from /api (which ratings-web passes on to ratings-api).
//
//   #/             what it is, and two ways on      #/rating   a card of half-star steps for each fruit
//   #/leaderboard  the fruits, best first
'use strict';

const app = document.getElementById('app');
const STEPS = 10; // half stars

async function get(path) {
  const answer = await fetch(path);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.message || body.error || answer.status);
  return body.payload;
}

// An element with attributes and children; text is never read as HTML.
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function heading(page) {
  return element('header', {},
    element('img', {src: page.headerImage, alt: ''}), element('h1', {}, page.title), element('p', {}, page.subtitle));
}

function link(target, text) {
  return element('a', {class: 'button', href: target}, text);
}

function home(site) {
  return [heading(site.pages.Home), link('#/rating', 'Start Rating'), link('#/leaderboard', 'View Leaderboard')];
}

// Ten buttons, of which each stands for half a star; calls `chosen` with 0.5 to 5.
function steps(name, chosen) {
  const buttons = Array.from({length: STEPS}, (_, i) => element('button', {
    type: 'button', 'aria-label': `${name}: ${(i + 1) / 2} stars`, onclick: () => {
      buttons.forEach((button, j) => button.classList.toggle('on', j <= i));
      chosen((i + 1) / 2);
    }}, '★'));
  return element('div', {class: 'steps'}, ...buttons);
}

async function rating(site) {
  const items = await get('/api/items');
  const given = new Map(items.map((item) => [item._id, 0]));
  const cards = items.map((item) => element('div', {class: 'card'},
    element('img', {src: item.img, alt: ''}), element('h2', {}, item.name),
    steps(item.name, (stars) => given.set(item._id, stars))));
  const submit = element('button', {class: 'button', onclick: () => send(given)}, 'SUBMIT MY RATINGS');
  return [heading(site.pages.Rating), element('div', {class: 'cards'}, ...cards), submit];
}

async function send(given) {
  const ratings = Array.from(given, ([id, stars]) => ({id, rating: stars})).filter(({rating}) => rating > 0);
  const answer = await fetch('/api/rate', {
    method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify({userIp: '', ratings})});
  if (answer.ok) location.hash = '#/leaderboard';
  else app.append(element('p', {class: 'error'}, `The ratings were not taken: ${answer.status}`));
}

async function leaderboard(site) {
  const rows = await get('/api/items/rated');
  const cards = rows.map((row) => element('div', {class: 'card'},
    element('img', {src: row.img, alt: ''}), element('h2', {}, row.name),
    element('p', {class: 'average'}, row.average.toFixed(2)),
    element('p', {}, `${row.stars} stars / ${row.votes} ratings`)));
  return [heading(site.pages.Leaderboard), element('div', {class: 'cards'}, ...cards), link('#/rating', 'Start Rating')];
}

const views = {'#/': home, '#/rating': rating, '#/leaderboard': leaderboard};

async function show() {
  try {
    const {code} = await (await fetch('/site.json')).json();
    const site = await get(`/api/sites/${encodeURIComponent(code)}`);
    document.title = site.name;
    app.replaceChildren(...await (views[location.hash] || home)(site));
  } catch (error) {
    app.replaceChildren(element('p', {class: 'error'}, `Something went wrong: ${error.message}`));
  }
}

addEventListener('hashchange', show);
show();
