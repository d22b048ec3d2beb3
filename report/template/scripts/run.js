// The last run: its outcome, its age, its warnings.
const run = (() => {
  function showMoment(id, iso) {
    const nothing = data.status.last_run_at ? "—" : texts.no_data_yet;
    element(id).replaceChildren(iso ? words.moment(iso) : nothing, make("small", iso ? ` · ${words.ago(iso)}` : ""));
  }

  function showWarnings(warnings) {
    element("warnings").hidden = warnings.length === 0;
    element("warnings_count").textContent = words.counted(texts.warnings, warnings.length);
    element("warnings_words").replaceChildren(...warnings.map((warning) => make("li", warning)));
  }

  function show() {
    const { status, last_finished_status: finished, error, warnings } = data.status;
    element("badge").textContent = status === "RUNNING" && finished !== "(none)" ? `${status} (${finished})` : status;
    element("badge").classList.add(status);
    showMoment("last_run", data.status.last_run_at);
    showMoment("data_as_of", data.status.data_as_of);
    showWarnings(warnings);
    const failed = error && error !== "(none)";
    element("error").hidden = !failed;
    element("error").textContent = failed ? error : "";
    const hours = (Date.now() - Date.parse(data.written_at)) / 3_600_000;
    element("old").hidden = hours < 26;
    element("old").textContent = words.fill(texts.old_page, { age: words.ago(data.written_at) });
    element("written_at").textContent = `${texts.written_at}: ${words.moment(data.written_at)} (${data.time_zone})`;
  }

  return { show };
})();
