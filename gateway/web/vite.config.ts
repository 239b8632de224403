import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// GUANXI_URL: the gateway that `npm run dev` forwards API calls to.
export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    sourcemap: false,
    manifest: true, // read and removed by scripts/compress.mjs
    chunkSizeWarningLimit: 600, // the budget is that of scripts/compress.mjs
    assetsInlineLimit: 0, // the content security policy allows no inline script
    modulePreload: { polyfill: false },
    rollupOptions: { input: ['index.html', 'docs/reference/index.html', 'docs/zh/reference/index.html'] },
  },
  server: { proxy: { '/api': process.env.GUANXI_URL ?? 'http://127.0.0.1:8080' } },
});
