import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import * as layout from '../layout.js';

const golden = JSON.parse(fs.readFileSync(new URL('../../../crates/session/golden/layout-1.json', import.meta.url)));
const area = (name) => golden.areas.find((entry) => entry.name === name);
const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

/** Where the golden file has each field of an area: absolute, or as word indices within its line. */
const absolute = (name) => Object.fromEntries(area(name).fields.map((f) => [camel(f.name), area(name).offset + f.offset]));
const words = (name) => Object.fromEntries(area(name).fields.map((f) => [camel(f.name), f.offset / 4]));
const place = (name) => [area(name).offset, area(name).stride_bytes, area(name).count];

// Every constant of layout.js is what the engine's own golden file says.
test('the layout is the golden one', () => {
  assert.equal(golden.layout_version, layout.LAYOUT_VERSION);
  assert.equal(golden.magic, layout.MAGIC);
  assert.equal(golden.control_bytes, layout.CONTROL_BYTES);
  assert.equal(golden.slots, layout.SLOTS);
  assert.equal(golden.markers_per_slot, layout.MARKERS_PER_RING);
  assert.equal(golden.event_capacity, layout.EVENT_CAPACITY);
  const { bytes, ...header } = layout.HEADER;
  assert.deepEqual(header, absolute('header'));
  assert.ok(bytes <= area('header').stride_bytes);
  assert.deepEqual({ ...layout.CLOCK }, absolute('clock'));
  assert.deepEqual({ group: layout.GROUP }, absolute('commit'));
  assert.deepEqual({ eventWrite: layout.EVENT_WRITE }, absolute('event_write'));
  assert.deepEqual({ eventRead: layout.EVENT_READ }, absolute('event_read'));
  assert.deepEqual({ ...layout.PACING }, absolute('pacing'));
});

// The tables of slots, markers and events: places, strides, fields and values.
test('the tables are the golden ones', () => {
  const { PRODUCER_WORDS, ENGINE_WORDS, MARKERS, PRODUCER_STATS, EVENTS } = layout;
  assert.deepEqual(place('producer_words'), [PRODUCER_WORDS.offset, PRODUCER_WORDS.stride, layout.SLOTS]);
  assert.deepEqual(place('engine_words'), [ENGINE_WORDS.offset, ENGINE_WORDS.stride, layout.SLOTS]);
  assert.deepEqual(place('producer_stats'), [PRODUCER_STATS.offset, PRODUCER_STATS.stride, layout.SLOTS]);
  assert.deepEqual(place('markers'), [MARKERS.offset, MARKERS.entry, layout.SLOTS * layout.MARKERS_PER_RING]);
  assert.equal(MARKERS.stride, MARKERS.entry * layout.MARKERS_PER_RING);
  assert.deepEqual(place('events'), [EVENTS.offset, EVENTS.stride, layout.EVENT_CAPACITY]);
  assert.deepEqual({ ...layout.PRODUCER }, words('producer_words'));
  assert.deepEqual({ ...layout.ENGINE }, words('engine_words'));
  assert.deepEqual({ ...layout.MARKER }, words('markers'));
  assert.deepEqual({ ...layout.STATS }, words('producer_stats'));
  assert.deepEqual({ ...layout.EVENT }, words('events'));
  assert.deepEqual({ ...layout.MARKER_KIND }, golden.values.marker_kind);
  assert.deepEqual({ ...layout.STATE }, golden.values.state);
  assert.deepEqual({ ...layout.EVENT_KIND }, golden.values.event_kind);
  assert.equal(layout.FLAG_MUTE, golden.values.flags.mute);
});
