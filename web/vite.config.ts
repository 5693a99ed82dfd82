import { rmSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

const OUT = "../r1v/server/page";

/** Old bundles go; the examples beside them stay, which draw_examples.py wrote. */
function freshAssets(): Plugin {
  return { name: "fresh-assets", apply: "build", buildStart: () => rmSync(`${OUT}/assets`, { recursive: true, force: true }) };
}

/** KaTeX's style sheet names each font three times. Every browser that runs this page reads WOFF2. */
function onlyWoff2(): Plugin {
  return {
    name: "only-woff2",
    enforce: "pre",
    transform(code, id) {
      if (!id.includes("katex") || !id.split("?")[0]!.endsWith(".css")) return null;
      return code.replace(/,\s*url\([^)]*\.(?:woff|ttf)\)\s*format\([^)]*\)/g, "");
    },
  };
}

// The page loads everything by relative addresses, so that it can stand behind a proxy's path. Nothing is
// inlined, because its Content-Security-Policy allows neither inline code nor data: fonts.
export default defineConfig({
  base: "./",
  plugins: [freshAssets(), onlyWoff2()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: OUT,
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    sourcemap: false,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8000" } },
});
