// Builds the page of mungo.dash: node build.mjs SOURCES OUT, in the folder with node_modules. The same sources give the same bytes:
// esbuild and fflate are pinned, and nothing here looks at the time or at the machine.
import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"

const [sources, out] = process.argv.slice(2)
const load = createRequire(join(process.cwd(), "package.json"))
const esbuild = load("esbuild")
const { gzipSync } = load("fflate")
const SHIPPED = ["preact", "uplot"]

const options = {
  bundle: true, minify: true, write: false, charset: "utf8", legalComments: "none", logLevel: "warning",
  target: ["es2022", "chrome100", "firefox100", "safari15.4"], nodePaths: [join(process.cwd(), "node_modules")],
}
const hash = (data, form) => createHash("sha256").update(data).digest(form)

async function bundle(name, more) {
  const built = await esbuild.build({ ...options, ...more, entryPoints: [join(sources, name)] })
  return built.outputFiles[0].contents
}

// What changes has another name, so a browser may keep it for ever.
function named(stem, kind, data) {
  return `${stem}-${hash(data, "hex").slice(0, 8)}.${kind}`
}

const script = { format: "esm", jsx: "automatic", jsxImportSource: "preact", external: ["./plot-*.js"] }
const licences = "This page contains:\n\n" + SHIPPED.map((name) => {
  const folder = join(process.cwd(), "node_modules", name)
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  return `${name} ${version}\n\n${readFileSync(join(folder, "LICENSE"), "utf8").trim()}\n`
}).join("\n----\n\n")
const licencesName = named("licences", "txt", licences)

const plot = await bundle("src/plot_file.js", { ...script })
const plotName = named("plot", "js", plot)
const dash = await bundle("src/main.jsx", { ...script, define: { PLOT_FILE: JSON.stringify("./" + plotName), LICENCES_FILE: JSON.stringify("/dash/" + licencesName) } })
const dashName = named("dash", "js", dash)
const style = Buffer.from(await bundle("src/style.css", {})).toString().trim()

const page = readFileSync(join(sources, "src/index.html"), "utf8")
  .replace("STYLE_HASH", hash(style, "base64")).replace("DASH_FILE", dashName).replace("/* STYLE */", () => style)
  .replace(/\n\s*/g, "\n")
const files = { "index.html": page, [dashName]: dash, [plotName]: plot, [licencesName]: licences }

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
for (const [name, data] of Object.entries(files)) {
  const packed = gzipSync(Buffer.from(data), { level: 9, mem: 12, mtime: 0 })
  writeFileSync(join(out, name + ".gz"), packed)
  console.log(`${name}.gz: ${packed.length} bytes, of ${Buffer.from(data).length}`)
}
