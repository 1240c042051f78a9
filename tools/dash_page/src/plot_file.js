// The file that draws plots, with uPlot: draw(place, label, points) returns {show(points), end()}.
import UPlot from "uplot"

const HEIGHT = 150
const AT_LEAST_S = 10 // of time that a plot shows
const dark = matchMedia("(prefers-color-scheme: dark)")
const format = (parts) => (s) => new Date(s * 1000).toLocaleTimeString([], { ...parts, hourCycle: "h23" })
const hours = format({ hour: "2-digit", minute: "2-digit" })
const seconds = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" })

function span({ data: [times] }) {
  const to = times.at(-1) ?? Date.now() / 1000
  return [Math.min(times[0] ?? to, to - AT_LEAST_S), to]
}

export function draw(place, label, points) {
  let plot
  const make = () => {
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name)
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" }
    plot?.destroy()
    plot = new UPlot({
      width: place.clientWidth || 300, height: HEIGHT, legend: { show: false }, cursor: { drag: { x: false, y: false } },
      series: [{}, { label, stroke: colour("--main"), width: 2 }],
      scales: { x: { range: span } },
      axes: [{ ...axis, size: 24, space: 80, values: (_, ticks, __, ___, step) => ticks.map(step < 60 ? seconds : hours) }, { ...axis, size: 48 }],
    }, points, place)
  }
  const resize = new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT }))
  make()
  resize.observe(place)
  dark.addEventListener("change", make)
  return {
    show(next) { points = next; plot.setData(points) },
    end() { dark.removeEventListener("change", make); resize.disconnect(); plot.destroy() },
  }
}
