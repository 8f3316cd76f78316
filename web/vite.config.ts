/** How the dashboard becomes the files that the controller serves: see `make web`. */
import { defineConfig } from "vitest/config";

const controller = process.env["BEAMLOOM_CONTROLLER"] ?? "http://127.0.0.1:5000";

export default defineConfig({
  base: "./",
  oxc: { jsx: { importSource: "preact", runtime: "automatic" } },
  build: {
    outDir: "../src/beamloom/web",
    emptyOutDir: true,
    assetsDir: "assets",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      // Names without hashes: the files are kept in version control, and asked for with their ETag.
      output: {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  // `npx vite` shows the sources against a controller that runs.
  server: { proxy: { "/api": controller } },
  // Style sheets too are read by tests.
  test: { css: true, environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"] },
});
