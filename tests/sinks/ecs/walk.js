// SPDX-License-Identifier: Apache-2.0
// ECS documents, one a line on stdin, against Elastic's table: an unknown field outside `portlid`, a
// wrong type, a missing array, a value or a category/type pair that is not allowed is an error. So is
// a path, of ours too, with two JSON types: Elasticsearch takes the first and refuses the others.
const { EcsFlat } = require('@elastic/ecs');

const errors = new Set();
const types = new Map();
let count = 0;

function typeFits(field, value) {
  switch (field.type) {
    case 'long': case 'integer': case 'short':
      return Number.isInteger(value);
    case 'float': case 'scaled_float': case 'double':
      return typeof value === 'number';
    case 'boolean':
      return typeof value === 'boolean';
    case 'date':
      return typeof value === 'string' && !Number.isNaN(Date.parse(value));
    case 'ip':
      return typeof value === 'string' && /^[0-9a-f.:]+$/.test(value);
    default:
      return typeof value === 'string';
  }
}

function leaf(path, value) {
  const field = EcsFlat[path];
  if (!field) return errors.add(`${path}: no such field`);
  const isArray = (field.normalize || []).includes('array');
  if (isArray !== Array.isArray(value)) errors.add(`${path}: array expected: ${isArray}`);
  for (const one of [].concat(value)) {
    if (!typeFits(field, one)) errors.add(`${path}: ${JSON.stringify(one)} is no ${field.type}`);
    const allowed = (field.allowed_values || []).map((v) => v.name);
    if (allowed.length && !allowed.includes(one)) errors.add(`${path}: ${one} is not allowed`);
  }
}

function walk(node, path) {
  for (const [key, value] of Object.entries(node)) {
    const here = path ? `${path}.${key}` : key;
    if (here === 'portlid') continue;
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) walk(value, here);
    else leaf(here, value);
  }
}

// An array has the type of its elements, as in an index; null has none.
function note(node, path, action) {
  if (node === null) return;
  if (Array.isArray(node)) return node.forEach((one) => note(one, path, action));
  const [type, first] = types.get(path) || [typeof node, action];
  types.set(path, [type, first]);
  if (type !== typeof node) errors.add(`${path}: ${type} in ${first}, ${typeof node} in ${action}`);
  if (typeof node !== 'object') return;
  for (const [key, value] of Object.entries(node)) note(value, path ? `${path}.${key}` : key, action);
}

function pairs(event) {
  const known = EcsFlat['event.category'].allowed_values;
  const expected = event.category.flatMap((c) => (known.find((v) => v.name === c) || {}).expected_event_types || []);
  for (const type of event.type)
    if (!expected.includes(type)) errors.add(`event.type ${type} is not expected with ${event.category}`);
}

const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean);
for (const line of lines) {
  const document = JSON.parse(line);
  walk(document, '');
  pairs(document.event);
  note(document, '', document.event.action);
  count += 1;
}
if (errors.size || count === 0) {
  console.log([...errors].join('\n') || 'no events');
  process.exit(1);
}
console.log(`${count} events, ${Object.keys(EcsFlat).length} fields known, ${types.size} paths of one type each`);
