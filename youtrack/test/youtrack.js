/**
 * As much of YouTrack as the rule may touch, and not a property more: an issue, its project, one
 * transaction at a time. What it answers is what the documentation of
 * @jetbrains/youtrack-scripting-api (2022.1) and of the developer portal says; everything else
 * throws, so that the rule cannot lean on what is not documented.
 */
const Module = require('node:module');
const path = require('node:path');

const TYPES = {
  State: {fieldType: 'State.fieldType'},
  Field: {dateTimeType: 'Field.dateTimeType', integerType: 'Field.integerType'}
};

const load = Module._load;
Module._load = (name, ...rest) => (name === '@jetbrains/youtrack-scripting-api/entities'
  ? only({Issue: only({onChange: (rule) => rule}), State: only(TYPES.State), Field: only(TYPES.Field)})
  : load(name, ...rest));
const rule = require(path.join(__dirname, '..', 'lead-time-rule.js')).rule;
Module._load = load;

const INT32_MAX = 2147483647;

/** An object of which nothing can be read or written but its own properties. */
function only(object, isWritable = () => false, canBeMissing = false) {
  return new Proxy(object, {
    get: (target, name) => {
      if (!canBeMissing && !(name in target)) throw new Error(`${String(name)} is not documented`);
      return target[name];
    },
    set: (target, name, value) => {
      if (!isWritable(name, value)) throw new Error(`the rule may not write ${String(name)} = ${value}`);
      target[name] = value;
      return true;
    }
  });
}

function set(elements) {
  return only({
    forEach: (visitor) => elements.forEach((element) => { visitor(element); }),
    isEmpty: () => elements.length === 0,
    isNotEmpty: () => elements.length > 0
  });
}

class Project {
  /** `states`: {name, isResolved}, in the order of the bundle; `defaults`: names. */
  constructor(states, {defaults = [], hasDefaultValues = true, fields = ['State']} = {}) {
    this.states = states.map((state, ordinal) => only({isResolved: false, ...state, ordinal}));
    this.fields = fields;
    const field = {name: 'State', values: set(this.states)};
    field.defaultValues = hasDefaultValues
      ? set(this.states.filter((state) => defaults.includes(state.name)))
      : undefined; // before YouTrack 2020.5
    this.script = only({findFieldByName: (name) => (name === 'State' ? only(field) : null)});
  }

  state(name) {
    const found = this.states.find((state) => state.name === name);
    if (!found) throw new Error(`no state ${name}`);
    return found;
  }
}

/**
 * One issue. `reports` and `changes` are transactions: the state is set, then the rule sees the
 * issue, as YouTrack does it, again and again until nothing more happens.
 */
class Issue {
  constructor(project, {resolvedIsKnownInTheTransaction = true, unchangedIsNull = true} = {}) {
    this.project = project;
    this.resolvedIsKnown = resolvedIsKnownInTheTransaction;
    this.unchangedIsNull = unchangedIsNull;
    this.values = {State: null, Started: null, Completed: null, LeadTime: null};
    this.created = null;
    this.resolved = null;
    this.isReported = false;
    this.otherFieldResolves = false;
    this.writes = [];
  }

  get isResolved() {
    return this.otherFieldResolves || Boolean(this.values.State && this.values.State.isResolved);
  }

  /** A draft, its state chosen, becomes an issue. */
  reports(at, stateName, created = at) {
    this.created = created;
    return this.changes(at, stateName).transaction(at, () => { this.isReported = true; });
  }

  changes(at, stateName) {
    return this.transaction(at, () => {
      this.values.State = stateName ? this.project.state(stateName) : null;
    });
  }

  /** A transaction in which `apply` changes something; returns this, with `writes` of the rule. */
  transaction(at, apply) {
    const before = {state: this.values.State, isResolved: this.isResolved, isReported: this.isReported};
    apply();
    const isResolving = this.isResolved && !before.isResolved;
    const isReopening = !this.isResolved && before.isResolved;
    if (isReopening) this.resolved = null;
    if (isResolving && this.resolvedIsKnown) this.resolved = at;
    this.runRule(at, before, isResolving, isReopening);
    if (isResolving) this.resolved = at;
    return this;
  }

  runRule(at, before, isResolving, isReopening) {
    const clock = Date.now;
    Date.now = () => at;
    this.writes = [];
    const context = only({issue: this.asSeenByTheRule(before, isResolving, isReopening)});
    try {
      // a second round finds the first one's writes, and must add none
      for (let round = 0; round < 2; round += 1) {
        const count = this.writes.length;
        if (rule.guard(context)) rule.action(context);
        if (round && this.writes.length > count) throw new Error(`written twice: ${this.writes}`);
      }
    } finally {
      Date.now = clock;
    }
  }

  asSeenByTheRule(before, isResolving, isReopening) {
    const isChanged = before.state !== this.values.State;
    const fields = only(
      Object.assign(Object.create({
        isChanged: (name) => name === 'State' && isChanged,
        // 2022.1 documents the present value for an unchanged field, the developer portal null
        oldValue: () => (isChanged ? before.state : this.unchangedIsNull ? null : this.values.State)
      }), this.values),
      (name, value) => {
        const isRight = value === null || (name === 'LeadTime'
          ? Number.isInteger(value) && value >= -INT32_MAX - 1 && value <= INT32_MAX
          : Number.isInteger(value) && value > 0);
        if (!['Started', 'Completed', 'LeadTime'].includes(name) || !isRight) return false;
        this.values[name] = value;
        this.writes.push(name);
        return true;
      }
    );
    return only({
      fields,
      project: this.project.script,
      created: this.created,
      resolved: this.resolved,
      isReported: this.isReported,
      isResolved: this.isResolved,
      becomesReported: this.isReported && !before.isReported,
      becomesResolved: isResolving,
      becomesUnresolved: isReopening
    });
  }
}

module.exports = {INT32_MAX, Issue, Project, TYPES, rule};
