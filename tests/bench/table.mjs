// table.mjs -- rounds become medians, medians become a Markdown table.

export function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

export function medians(rounds) {
  const sum = {};
  for (const key of Object.keys(rounds[0])) sum[key] = median(rounds.map((r) => r[key]));
  return sum;
}

// The median of CPU per call over that of `base` in the same round.
export function ratioOf(rounds, base) {
  return base && median(rounds.map((r, i) => r.cpu_us / base[i].cpu_us));
}

const digits = (x) => (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2));
const thousands = (x) => digits(x).replace(/\B(?=(\d{3})+(?!\d)(?<!\.\d*))/g, ",");

function verdict(value, target) {
  return value <= target ? "yes" : "NO";
}

// rows: { title, who: { tidegate: medians and ratio, ... }, target } -- target:
// the most that tidegate's CPU per call may be of nginx + Lua's.
export function loadTable(rows) {
  const lines = [
    "| case | gateway | CPU us/call | calls/s | p50 ms | p99 ms " +
      "| of nginx + Lua | target | reached |",
    "|---|---|---:|---:|---:|---:|---:|---:|---|",
  ];
  for (const { title, who, target } of rows) {
    for (const [name, m] of Object.entries(who)) {
      const { ratio } = m;
      const judged = target && name === "tidegate";
      lines.push(
        `| ${title} | ${name} | ${thousands(m.cpu_us)} | ${thousands(m.calls_per_s)} ` +
          `| ${digits(m.p50_us / 1000)} | ${digits(m.p99_us / 1000)} ` +
          `| ${ratio ? `${ratio.toFixed(2)} x` : ""} | ${judged ? `${target} x` : ""} ` +
          `| ${judged ? verdict(ratio, target) : ""} |`,
      );
    }
  }
  return lines.join("\n");
}

// rows: [title, value, unit, target]
export function limitTable(rows) {
  const lines = ["| what | measured | target | reached |", "|---|---:|---:|---|"];
  for (const [title, value, unit, target] of rows) {
    lines.push(
      `| ${title} | ${digits(value)} ${unit} | ${target ? `< ${target} ${unit}` : ""} ` +
        `| ${target ? verdict(value, target) : ""} |`,
    );
  }
  return lines.join("\n");
}
