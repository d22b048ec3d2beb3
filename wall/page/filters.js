// What is chosen, in the address, so that a screen can be bookmarked.

const NAMES = ["by", "severity", "taken", "suppressed", "q", "place", "compact"];
export const KINDS = ["rack", "host_group", "service"];

export function read() {
  const address = new URLSearchParams(location.search);
  const chosen = Object.fromEntries(NAMES.map((name) => [name, address.get(name) ?? ""]));
  if (!KINDS.includes(chosen.by)) chosen.by = "rack";
  chosen.severity = /^[0-5]$/.test(chosen.severity) ? Number(chosen.severity) : 0;
  return chosen;
}

export function addressOf(chosen) {
  const address = new URLSearchParams();
  for (const name of NAMES) {
    const value = chosen[name];
    if (value && !(name === "by" && value === "rack")) address.set(name, value);
  }
  const text = address.toString();
  return text ? `?${text}` : location.pathname;
}

export function write(chosen) {
  history.replaceState(null, "", addressOf(chosen));
}

const NONE = "(none)";

// Where an incident stands, by one of the three ways to group; a host may be in many groups.
export function placesOf(incident, by) {
  if (by === "rack") return [rackOf(incident)];
  if (by === "service") return [incident.service];
  return incident.host_groups.split(", ");
}

export function rackOf(incident) {
  if (incident.rack === NONE) return NONE;
  return incident.site === NONE ? incident.rack : `${incident.site} / ${incident.rack}`;
}

function isFound(incident, words) {
  const held = [
    incident.host, incident.trigger, incident.comment, incident.ticket, incident.host_groups,
    incident.service, incident.site, incident.rack, incident.by,
  ].join("\n").toLowerCase();
  return words.every((word) => held.includes(word));
}

// All that fits but for the place, and of it what stands there.
export function apply(incidents, chosen) {
  const words = chosen.q.toLowerCase().split(/\s+/).filter(Boolean);
  let hidden = 0;
  const everywhere = incidents.filter((each) => {
    if (each.severity < chosen.severity) return false;
    if (chosen.taken && each.acknowledged !== (chosen.taken === "yes")) return false;
    if (words.length && !isFound(each, words)) return false;
    if (each.suppressed && !chosen.suppressed) {
      hidden += 1;
      return false;
    }
    return true;
  });
  const here = chosen.place
    ? everywhere.filter((each) => placesOf(each, chosen.by).includes(chosen.place))
    : everywhere;
  return { everywhere, here, hidden };
}
