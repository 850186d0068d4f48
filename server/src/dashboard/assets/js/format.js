// Numbers, sizes and times as text. Pure.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
export const NONE = "–";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

export function count(value) {
  return isNumber(value) ? whole.format(value) : NONE;
}

export function number(value) {
  if (!isNumber(value)) return value == null ? NONE : String(value);
  return Number.isInteger(value) ? whole.format(value) : short.format(value);
}

export function bytes(value) {
  if (!isNumber(value)) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (Math.abs(value) >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

export function percent(value) {
  return isNumber(value) ? `${(value * 100).toFixed(value > 0 && value < 1 ? 1 : 0)} %` : NONE;
}

/** A duration, in the unit that suits it. */
export function duration(seconds) {
  if (!isNumber(seconds)) return NONE;
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.1 ? 1 : 0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  if (hours < 1) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** An age or a time to come, in whole seconds. */
export function age(seconds) {
  if (!isNumber(seconds)) return NONE;
  return seconds < 60 ? `${Math.max(0, Math.round(seconds))} s` : duration(seconds);
}

/** A time in the past or to come, to the minute from one minute on. */
function distance(seconds) {
  return seconds >= 60 && seconds < 3600 ? `${Math.floor(seconds / 60)} min` : age(seconds);
}

export function ago(unix) {
  return isNumber(unix) ? `${distance(Date.now() / 1000 - unix)} ago` : NONE;
}

export function until(unix) {
  if (!isNumber(unix)) return "never";
  const left = unix - Date.now() / 1000;
  return left > 0 ? `in ${distance(left)}` : `${distance(-left)} ago`;
}

export function date(unix) {
  return isNumber(unix) ? new Date(unix * 1000).toLocaleString() : NONE;
}

/** Plugins, each as `module@tag`: their number and their names without owner and major version. */
export function plugins(list, most = 4) {
  if (!list?.length) return NONE;
  const names = list.map((plugin) => plugin.replace(/@[^@]*$/, "").replace(/\/v\d+$/, "").replace(/^.*\//, ""));
  return `${list.length}: ${names.slice(0, most).join(", ")}${names.length > most ? ", …" : ""}`;
}

/** All plugins with their tags, one on each line. */
export function pluginList(list) {
  return (list ?? []).join("\n");
}

/** The name of a field as a title. */
export function title(name) {
  return name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");
}

/** A plural with its count. */
export function many(value, one, more = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : more}`;
}
