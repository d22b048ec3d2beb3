const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');

const {INT32_MAX, Issue, Project, TYPES, rule} = require('./youtrack.js');

const MINUTE = 60 * 1000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const JUNE = Date.UTC(2026, 5, 1, 9);

const project = new Project([
  {name: 'Submitted'}, {name: 'Open'}, {name: 'In Progress'}, {name: 'Review'}, {name: 'On Hold'},
  {name: 'Fixed', isResolved: true}, {name: 'Verified', isResolved: true},
  {name: 'Duplicate', isResolved: true}
], {defaults: ['Open']});

function reported(options) {
  return new Issue(project, options).reports(JUNE, 'Open');
}

function stamps(issue) {
  const {Started, Completed, LeadTime} = issue.values;
  return [Started, Completed, LeadTime];
}

test('a new issue carries no stamp', () => {
  assert.deepEqual(stamps(reported()), [null, null, null]);
});

test('the first moment in progress is the start, and stays so', () => {
  const issue = reported().changes(JUNE + HOUR, 'In Progress').changes(JUNE + DAY, 'On Hold')
    .changes(JUNE + 2 * DAY, 'Review').changes(JUNE + 3 * DAY, 'Open')
    .changes(JUNE + 4 * DAY, 'In Progress');
  assert.deepEqual(stamps(issue), [JUNE + HOUR, null, null]);
});

test('waiting is no start', () => {
  assert.equal(reported().changes(JUNE + HOUR, 'On Hold').values.Started, null);
});

test('an issue created in progress starts with its creation', () => {
  const issue = new Issue(project).reports(JUNE + 5 * MINUTE, 'In Progress', JUNE);
  assert.equal(issue.values.Started, JUNE);
});

for (const resolvedIsKnownInTheTransaction of [true, false]) {
  const when = resolvedIsKnownInTheTransaction ? 'in' : 'after';
  for (const [elapsed, days] of [
    [0, 0], [DAY - 1, 0], [DAY, 1], [2 * DAY - 1, 1], [2 * DAY, 2], [400 * DAY + 23 * HOUR, 400]
  ]) {
    test(`${elapsed} ms are ${days} days, with the resolution set ${when} the transaction`, () => {
      const issue = reported({resolvedIsKnownInTheTransaction}).changes(JUNE + elapsed, 'Fixed');
      assert.deepEqual(stamps(issue), [null, JUNE + elapsed, days]);
    });
  }
}

test('lead time counts from creation, not from the start of work', () => {
  const issue = reported().changes(JUNE + 3 * DAY, 'In Progress').changes(JUNE + 5 * DAY, 'Fixed');
  assert.deepEqual(stamps(issue), [JUNE + 3 * DAY, JUNE + 5 * DAY, 5]);
});

test('reopening takes completion and lead time away; the next resolution stamps them anew', () => {
  const issue = reported().changes(JUNE + DAY, 'In Progress').changes(JUNE + 2 * DAY, 'Fixed')
    .changes(JUNE + 7 * DAY, 'Open');
  assert.deepEqual(stamps(issue), [JUNE + DAY, null, null]);
  issue.changes(JUNE + 8 * DAY, 'In Progress').changes(JUNE + 10 * DAY, 'Verified');
  assert.deepEqual(stamps(issue), [JUNE + DAY, JUNE + 10 * DAY, 10]);
});

test('from one resolved state to another the first resolution stands', () => {
  const issue = reported().changes(JUNE + 2 * DAY, 'Fixed').changes(JUNE + 9 * DAY, 'Verified');
  assert.deepEqual(stamps(issue), [null, JUNE + 2 * DAY, 2]);
  assert.deepEqual(issue.writes, []);
});

test('a cancelled issue has no lead time, not even one that was fixed before', () => {
  assert.deepEqual(stamps(reported().changes(JUNE + DAY, 'Duplicate')), [null, null, null]);
  const issue = reported().changes(JUNE + DAY, 'Fixed').changes(JUNE + 2 * DAY, 'Duplicate');
  assert.deepEqual(stamps(issue), [null, null, null]);
  issue.changes(JUNE + 3 * DAY, 'Fixed');
  assert.deepEqual(stamps(issue), [null, JUNE + DAY, 1], 'resolved since then, as YouTrack has it');
});

test('what was at work when the rule was installed gets no invented start', () => {
  const issue = reported();
  issue.values.State = project.state('In Progress');
  assert.equal(issue.changes(JUNE + DAY, 'Review').values.Started, null);
  for (const unchangedIsNull of [true, false]) {
    const other = reported({unchangedIsNull});
    other.values.State = project.state('In Progress');
    other.transaction(JUNE + DAY, () => { other.otherFieldResolves = true; });
    assert.deepEqual(stamps(other), [null, JUNE + DAY, 1], 'resolved by another field');
  }
});

test('what was resolved when the rule was installed is stamped with its own resolution', () => {
  const issue = reported();
  issue.values.State = project.state('Fixed');
  issue.resolved = JUNE + 3 * DAY;
  assert.deepEqual(stamps(issue.changes(JUNE + 50 * DAY, 'Verified')), [null, JUNE + 3 * DAY, 3]);
});

test('an issue as old as the clock does not overflow an int32 of days', () => {
  const end = 8.64e15; // the last moment that JavaScript knows
  const issue = new Issue(project).reports(1, 'Open').changes(end, 'Fixed');
  assert.equal(issue.values.LeadTime, Math.floor((end - 1) / DAY));
  assert.ok(issue.values.LeadTime < INT32_MAX);
});

test('25 days, which overflow an int32 of milliseconds, are 25', () => {
  assert.equal(reported().changes(JUNE + 25 * DAY, 'Fixed').values.LeadTime, 25);
});

test('a resolution before the creation gives no number', () => {
  const issue = reported().changes(JUNE - DAY, 'Fixed');
  assert.deepEqual(stamps(issue), [null, JUNE - DAY, null]);
});

test('a draft is left alone, and so is an issue whose state did not change', () => {
  const draft = new Issue(project).changes(JUNE, 'In Progress');
  assert.deepEqual([stamps(draft), draft.writes], [[null, null, null], []]);
  const issue = reported().changes(JUNE + DAY, 'In Progress');
  issue.values.Started = null;
  assert.deepEqual(issue.transaction(JUNE + 2 * DAY, () => {}).writes, []);
});

test('a second field of type state that resolves the issue is heard', () => {
  const issue = reported();
  issue.transaction(JUNE + 5 * DAY, () => { issue.otherFieldResolves = true; });
  assert.deepEqual(stamps(issue), [null, JUNE + 5 * DAY, 5]);
  issue.transaction(JUNE + 6 * DAY, () => { issue.otherFieldResolves = false; });
  assert.deepEqual(stamps(issue), [null, null, null]);
});

test('a state field may become empty', () => {
  const issue = reported().changes(JUNE + DAY, null).changes(JUNE + 2 * DAY, 'In Progress');
  assert.deepEqual(stamps(issue), [JUNE + 2 * DAY, null, null]);
});

test('a state that nobody named: resolved is done, where issues begin is todo, else in progress', () => {
  const states = [
    {name: 'Inbox'}, {name: 'Brewing'}, {name: 'Served', isResolved: true}
  ];
  const own = {
    'with a default': new Project(states, {defaults: ['Inbox']}),
    'without one': new Project(states),
    'of an old YouTrack': new Project(states, {hasDefaultValues: false})
  };
  for (const [name, where] of Object.entries(own)) {
    const issue = new Issue(where).reports(JUNE, 'Inbox');
    assert.equal(issue.values.Started, null, name);
    issue.changes(JUNE + HOUR, 'Brewing').changes(JUNE + DAY, 'Served');
    assert.deepEqual(stamps(issue), [JUNE + HOUR, JUNE + DAY, 1], name);
    const quick = new Issue(where).reports(JUNE, 'Inbox').changes(JUNE + DAY, 'Served');
    assert.deepEqual(stamps(quick), [null, JUNE + DAY, 1], name);
  }
  const late = new Issue(new Project(states, {defaults: ['Brewing']})).reports(JUNE, 'Brewing');
  assert.equal(late.values.Started, null, 'the default counts, not the order');
});

test('under a state machine, whose field the rule may not touch, the stamps are the same', () => {
  const machine = {
    Open: {start: 'In Progress'}, 'In Progress': {fix: 'Fixed', hold: 'On Hold'},
    'On Hold': {start: 'In Progress'}, Fixed: {reopen: 'Open'}
  };
  const issue = reported();
  let at = JUNE;
  for (const event of ['start', 'hold', 'start', 'fix', 'reopen', 'start', 'fix']) {
    at += DAY;
    issue.changes(at, machine[issue.values.State.name][event]);
  }
  assert.deepEqual(stamps(issue), [JUNE + DAY, JUNE + 7 * DAY, 7]);
});

test('the rule asks YouTrack for the fields it writes, with their types', () => {
  assert.deepEqual(rule.requirements, {
    State: {type: TYPES.State.fieldType, name: 'State'},
    Started: {type: TYPES.Field.dateTimeType, name: 'Started'},
    Completed: {type: TYPES.Field.dateTimeType, name: 'Completed'},
    LeadTime: {type: TYPES.Field.integerType, name: 'LeadTime'}
  });
});

const SEED = path.join(__dirname, '..', '..', 'dbt_project', 'seeds', 'state_categories.csv');

test('the rule and the seed of the marts agree on every state', () => {
  const rows = fs.readFileSync(SEED, 'utf8').trim().split(/\r?\n/).slice(1)
    .map((line) => /^"?(.*?)"?,(\w+)$/.exec(line).slice(1));
  assert.ok(rows.length > 20);
  for (const [name, category] of rows) {
    for (const state of [name, name.toUpperCase()]) {
      // neither its place nor its mark in the bundle decides, only its name
      const unresolved = new Project([{name: 'Start here'}, {name: state}], {defaults: ['Start here']});
      const started = new Issue(unresolved).reports(JUNE, 'Start here').changes(JUNE + DAY, state);
      assert.equal(started.values.Started !== null, category === 'in_progress', `${state}: ${category}`);
      const resolved = new Project([{name: 'Start here'}, {name: state, isResolved: true}]);
      const ended = new Issue(resolved).reports(JUNE, 'Start here').changes(JUNE + DAY, state);
      assert.equal(ended.values.LeadTime, category === 'cancelled' ? null : 1, `${state}: ${category}`);
    }
  }
  // and the rule names none that the seed does not
  const source = fs.readFileSync(path.join(__dirname, '..', 'lead-time-rule.js'), 'utf8');
  const table = /const CATEGORIES = (\{[\s\S]*?\n\});/.exec(source)[1];
  const named = Object.entries(Function(`return ${table}`)())
    .flatMap(([category, names]) => names.map((name) => `${name},${category}`));
  assert.deepEqual(named.sort(), rows.map((row) => row.join(',')).sort());
});
