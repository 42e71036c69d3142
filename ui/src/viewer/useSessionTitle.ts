import { useDocumentTitle } from '@mantine/hooks';
import { useEffect, type RefObject } from 'react';

/** The tab bears the application's name and picture. */
export function useSessionTitle(label: string, note: string | undefined, icon: RefObject<SVGSVGElement>, iconKey: string) {
  useDocumentTitle(`${note ? `${note} · ` : ''}${label} · StreamSpace`);
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    const svg = icon.current;
    if (!link || !svg) return undefined;
    const before = link.href;
    const copy = svg.cloneNode(true) as SVGSVGElement;
    copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
    link.href = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
    return () => {
      link.href = before;
    };
  }, [icon, iconKey]);
}
