import { forwardRef, useId } from 'react';
import { templateLook } from './templateIcons';

export interface TemplateIconProps {
  icon?: string | null;
  name?: string;
  category?: string | null;
  size?: number;
  className?: string;
}

/** An application's tile. Decoration: its name always stands beside it. */
export const TemplateIcon = forwardRef<SVGSVGElement, TemplateIconProps>(function TemplateIcon(
  { icon, name, category, size = 48, className },
  ref,
) {
  const id = useId();
  const { icon: Glyph, from, to } = templateLook(icon, name, category);
  return (
    <svg ref={ref} className={className} width={size} height={size} viewBox="0 0 48 48" aria-hidden focusable="false">
      <defs>
        <linearGradient id={id} x1="6" y1="2" x2="42" y2="46" gradientUnits="userSpaceOnUse">
          <stop stopColor={from} />
          <stop offset="1" stopColor={to} />
        </linearGradient>
      </defs>
      <rect width="48" height="48" rx="13" fill={`url(#${id})`} />
      <path d="M13 .5h22A12.500 12.500 0 0 1 47.500 13" fill="none" stroke="#fff" strokeOpacity=".22" />
      <Glyph x={11} y={11} size={26} color="#fff" stroke={1.7} />
    </svg>
  );
});
