// Numbers and moments in the reader's language; moments in the reporting time zone.
const words = (() => {
  const DAY = 86_400_000;
  const dates = locale === "en" ? "en-GB" : locale;
  const number = (digits) => new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const whole = number(0), oneDigit = number(1), fine = number(2);
  const points = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  const brief = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const plurals = new Intl.PluralRules(locale);
  const moments = (() => {
    const style = { dateStyle: "medium", timeStyle: "short" };
    try {
      return new Intl.DateTimeFormat(dates, { ...style, timeZone: data.time_zone });
    } catch { // a zone that PostgreSQL knows and this browser does not
      return new Intl.DateTimeFormat(dates, { ...style, timeZone: "UTC" });
    }
  })();
  const calendar = new Intl.DateTimeFormat(dates, { dateStyle: "medium", timeZone: "UTC" });

  const weekdays = new Intl.DateTimeFormat(dates, { weekday: "short", timeZone: "UTC" });

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  function ago(iso) {
    const hours = (Date.parse(iso) - Date.now()) / 3_600_000;
    const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
    if (hours > -1) return relative.format(Math.min(0, Math.round(hours * 60)), "minute");
    return hours > -48 ? relative.format(Math.round(hours), "hour") : relative.format(Math.round(hours / 24), "day");
  }

  return {
    DAY,
    ago,
    fill,
    named: (value) => (value === "(none)" ? texts.none : value),
    whole: (value) => whole.format(value),
    points: (value) => points.format(value),
    days: (cents) => (cents === null ? "—" : fine.format(cents / 100)),
    shortDays: (cents) => (cents === null ? "—" : (cents < 1000 ? oneDigit : whole).format(cents / 100)),
    share: (part, all) => (all ? `${oneDigit.format((100 * part) / all)} %` : "—"),
    percents: (value) => (value === null ? "—" : `${oneDigit.format(100 * value)} %`),
    tenths: (value) => (value === null ? "—" : oneDigit.format(value)),
    signed: (show, value) => `${value > 0 ? "+" : value < 0 ? "−" : "±"}${show(Math.abs(value))}`,
    percent: (number) => fill(texts.percentile, { p: number }),
    moment: (iso) => moments.format(Date.parse(iso)),
    day: (number) => calendar.format(number * DAY),
    span: ({ from, to }) => calendar.formatRange(from * DAY, to * DAY),
    minute: (number) => moments.format(number * 60_000), // minutes since 1970, in UTC
    isoMinute: (number) => new Date(number * 60_000).toISOString(),
    weekday: (number) => weekdays.format((number + 3) * DAY), // 1: a Monday; 1 January 1970 was a Thursday
    // of hundredths of a minute
    duration: (cents) => (cents < 6000 ? `${brief.format(cents / 100)} ${texts.minutes}` : cents < 288_000 ? `${brief.format(cents / 6000)} ${texts.hours}` : `${brief.format(cents / 144_000)} ${texts.days}`),
    isoDay: (number) => new Date(number * DAY).toISOString().slice(0, 10),
    counted: (forms, n, others = {}) => fill(forms[plurals.select(n)] ?? forms.other, { n: whole.format(n), ...others }),
  };
})();
