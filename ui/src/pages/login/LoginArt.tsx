import { TemplateIcon } from '@/components/icons/TemplateIcon';
import classes from './LoginArt.module.css';

const TILES = ['firefox-browser', 'code-server', 'gimp', 'libreoffice', 'inkscape', 'terminal'];

/** Windows that come out of the cloud: decoration only. */
export function LoginArt() {
  return (
    <div className={classes.scene}>
      <svg className={classes.waves} viewBox="0 0 800 900" preserveAspectRatio="xMidYMid slice">
        {Array.from({ length: 9 }, (_, i) => (
          <path
            key={i}
            d={`M-50 ${180 + i * 74} C 160 ${80 + i * 74}, 330 ${320 + i * 74}, 520 ${190 + i * 74} S 780 ${120 + i * 74}, 880 ${210 + i * 74}`}
            fill="none"
            stroke="#5fd3e6"
            strokeOpacity={0.05 + i * 0.012}
            strokeWidth="1.5"
          />
        ))}
      </svg>
      <div className={classes.window}>
        <div className={classes.bar}>
          <i />
          <i />
          <i />
        </div>
        <pre className={classes.text}>
          <span>you@streamspace</span>:<b>~</b>$ echo hello-$((6*7)){'\n'}
          hello-42{'\n'}
          <span>you@streamspace</span>:<b>~</b>$ <em />
        </pre>
      </div>
      <div className={classes.tiles}>
        {TILES.map((name) => (
          <TemplateIcon key={name} name={name} size={56} />
        ))}
      </div>
      <p className={classes.motto}>Your Linux applications, in any browser. Private, live, and there in a second.</p>
    </div>
  );
}
