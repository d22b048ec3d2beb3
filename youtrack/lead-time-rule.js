/**
 * Stamps three fields of an issue: when work began, when it was completed, and the lead time.
 *
 *   Started    date and time   the first moment in a state of category in_progress; kept from then on
 *   Completed  date and time   the resolution that stands; empty while open or cancelled
 *   LeadTime   integer         whole days from creation to that resolution, rounded down
 *
 * The words mean what they mean in the marts: a state's category comes from the table below (the
 * same as dbt_project/seeds/state_categories.csv, which a test compares), a day is 24 hours. The
 * rule only reads the state, so it stands beside a state machine as beside a plain field.
 *
 * How to install it, and what it cannot know: docs/install-workflow-rule.md.
 */
const entities = require('@jetbrains/youtrack-scripting-api/entities');

// The names of the fields; change them here if yours are called otherwise.
const STATE = 'State';
const STARTED = 'Started';
const COMPLETED = 'Completed';
const LEAD_TIME = 'LeadTime';

const DAY = 24 * 60 * 60 * 1000;

// What the names of states mean; capitals do not matter. A state that stands nowhere here is done
// where the project marks it resolved, todo where its issues begin in it, else in_progress.
const CATEGORIES = {
  todo: [
    'Submitted', 'Open', 'Reopened', 'New', 'Registered', 'Planned', 'Backlog', 'To do',
    'Todo', 'Selected', 'Ready for development', 'Отправлена', 'Зарегистрирована',
    'Зарегистрировано', 'Открыта', 'Открыто', 'Открыт', 'Открыта заново',
    'Открыта повторно', 'Переоткрыта', 'Переоткрыто', 'Переоткрыт', 'Новая', 'Новое',
    'Новый', 'Бэклог', 'К выполнению', 'Сделать', 'Запланирована', 'Запланировано',
    'В очереди'
  ],
  in_progress: [
    'In Progress', 'In Development', 'Develop', 'Development', 'Implementation',
    'Investigating', 'Analysis', 'Review', 'In Review', 'Code Review', 'Test', 'Testing',
    'In Testing', 'To Verify', 'Staging', 'В работе', 'В процессе', 'Выполняется',
    'В разработке', 'Разработка', 'Анализ', 'Исследование', 'Ревью', 'На ревью',
    'Код-ревью', 'Проверка', 'На проверке', 'Тестирование', 'В тестировании',
    'На тестировании'
  ],
  waiting: [
    'To be discussed', 'Wait for Reply', 'Waiting for Reply', 'Waiting', 'Pending',
    'On Hold', 'Blocked', 'Paused', 'Postponed', 'Shelved', 'Обсуждение', 'Обсуждается',
    'Требует обсуждения', 'Требуется обсуждение', 'На обсуждении', 'Ожидание', 'Ожидает',
    'Ожидает ответа', 'Ожидание ответа', 'Приостановлена', 'Приостановлено', 'Отложена',
    'Отложено', 'Заблокирована', 'Заблокировано', 'На паузе'
  ],
  done: [
    'Fixed', 'Verified', 'Done', 'Closed', 'Resolved', 'Completed', 'Solved', 'Answered',
    'Released', 'Deployed', 'Исправлена', 'Исправлено', 'Исправлен', 'Проверена',
    'Проверено', 'Проверен', 'Подтверждена', 'Выполнена', 'Выполнено', 'Готова', 'Готово',
    'Сделана', 'Сделано', 'Завершена', 'Завершено', 'Закрыта', 'Закрыто', 'Закрыт',
    'Решена', 'Решено', 'Реализована', 'Реализовано', 'Выпущена', 'Выпущено'
  ],
  cancelled: [
    "Can't Reproduce", 'Cannot Reproduce', 'Duplicate', "Won't fix", "Won't do",
    'Incomplete', 'Obsolete', 'Declined', 'Third Party Problem', 'As designed', 'Rejected',
    'Cancelled', 'Canceled', 'Invalid', 'Не воспроизводится', 'Невоспроизводима',
    'Дубликат', 'Дублирует', 'Повтор', 'Не будет исправлена', 'Не будет исправлено',
    'Не будет исправлен', 'Не исправлять', 'Не будет сделано', 'Неполная', 'Неполный',
    'Неполное описание', 'Недостаточно информации', 'Устарела', 'Устарело', 'Устарел',
    'Неактуальна', 'Неактуально', 'Отклонена', 'Отклонено', 'Отклонён', 'Отклонен',
    'Отменена', 'Отменено', 'Проблема третьей стороны', 'Сторонняя проблема',
    'Так и задумано'
  ]
};

const CATEGORY_OF = {};
Object.keys(CATEGORIES).forEach((category) => {
  CATEGORIES[category].forEach((name) => { CATEGORY_OF[name.toLowerCase()] = category; });
});

exports.rule = entities.Issue.onChange({
  title: 'Stamp start, completion and lead time in days',

  guard: (ctx) => {
    const issue = ctx.issue;
    return issue.isReported && (
      issue.becomesReported || issue.fields.isChanged(STATE) ||
      // a second field of type state can resolve an issue, too
      issue.becomesResolved || issue.becomesUnresolved
    );
  },

  action: (ctx) => {
    const issue = ctx.issue;
    const now = Date.now();
    stampStart(issue, now);
    stampEnd(issue, now);
  },

  requirements: {
    State: {type: entities.State.fieldType, name: STATE},
    Started: {type: entities.Field.dateTimeType, name: STARTED},
    Completed: {type: entities.Field.dateTimeType, name: COMPLETED},
    LeadTime: {type: entities.Field.integerType, name: LEAD_TIME}
  }
});

function stampStart(issue, now) {
  if (issue.fields[STARTED] || categoryOf(issue, issue.fields[STATE]) !== 'in_progress') {
    return;
  }
  if (issue.becomesReported) {
    write(issue, STARTED, issue.created || now);
  } else if (
    issue.fields.isChanged(STATE) &&
    // already at work when the rule was installed: when that began, nobody can say here
    categoryOf(issue, issue.fields.oldValue(STATE)) !== 'in_progress'
  ) {
    write(issue, STARTED, now);
  }
}

function stampEnd(issue, now) {
  const isDone = issue.isResolved && categoryOf(issue, issue.fields[STATE]) !== 'cancelled';
  // from one resolved state to another: the first resolution stands, as in the marts
  const completed = isDone ? issue.resolved || now : null;
  write(issue, COMPLETED, completed);
  write(issue, LEAD_TIME, isDone ? wholeDays(issue.created || now, completed) : null);
}

/** Whole days, or null for a resolution before the creation: a wrong number is worse than none. */
function wholeDays(created, completed) {
  const days = Math.floor((completed - created) / DAY);
  return days >= 0 ? days : null;
}

/** Writes only what differs: each write is a line in the issue's history. */
function write(issue, field, value) {
  const present = issue.fields[field];
  if ((present === undefined ? null : present) !== value) {
    issue.fields[field] = value;
  }
}

function categoryOf(issue, state) {
  if (!state) {
    return '(none)';
  }
  const named = CATEGORY_OF[state.name.toLowerCase()];
  if (named) {
    return named;
  }
  if (state.isResolved) {
    return 'done';
  }
  return isFirst(issue, state) ? 'todo' : 'in_progress';
}

/** Whether issues of the project begin in this state: its default, else its smallest ordinal. */
function isFirst(issue, state) {
  const field = issue.project.findFieldByName(STATE);
  const defaults = field.defaultValues;
  if (defaults && defaults.isNotEmpty()) {
    return has(defaults, state);
  }
  let isSmallest = true;
  field.values.forEach((other) => { isSmallest = isSmallest && state.ordinal <= other.ordinal; });
  return isSmallest;
}

function has(states, state) {
  let isFound = false;
  states.forEach((other) => { isFound = isFound || other.name === state.name; });
  return isFound;
}
