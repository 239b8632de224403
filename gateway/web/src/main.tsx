import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router-dom';
import { App } from './app/App';
import { makeQueryClient } from './app/queryClient';
import { startTexts } from './i18n/i18n';
import { ThemeProvider } from './theme/ThemeProvider';
import { ToastProvider } from './ui/Toasts';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');

await startTexts();
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={makeQueryClient()}>
      <BrowserRouter future={{ v7_startTransition: true, v7_relativeSplatPath: true }}>
        <ThemeProvider>
          <ToastProvider>
            <App />
          </ToastProvider>
        </ThemeProvider>
      </BrowserRouter>
    </QueryClientProvider>
  </StrictMode>,
);
