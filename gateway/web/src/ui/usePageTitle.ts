// What the browser's tab and history call the page: "扶绥恒丰制糖有限公司 · Customer · Guanxi".
import { useEffect } from 'react';

export function usePageTitle(...parts: string[]): void {
  const title = [...parts, 'Guanxi'].join(' · ');
  useEffect(() => {
    document.title = title;
  }, [title]);
}
