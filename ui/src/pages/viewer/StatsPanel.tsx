import { Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import { formatBitrate } from '@/lib/quantity';
import type { Screen } from '@/viewer/screen';
import type { StreamStats } from '@/viewer/stats';
import classes from './Toolbar.module.css';

const PERIOD_MS = 500;

/** Measures only while somebody looks. */
export function StatsPanel({ screen }: { screen: Screen | null }) {
  const [stats, setStats] = useState<StreamStats>();
  useEffect(() => {
    if (!screen) return undefined;
    screen.probe();
    const timer = setInterval(() => {
      setStats(screen.stats());
      screen.probe();
    }, PERIOD_MS);
    return () => clearInterval(timer);
  }, [screen]);
  const canvas = screen?.canvas();
  return (
    <>
      <Text fw={650} mb="xs">
        Statistics
      </Text>
      <dl className={classes.stats}>
        <Figure name="Pictures">{stats ? `${stats.fps} per second` : '–'}</Figure>
        <Figure name="Received">{stats ? formatBitrate(stats.bitsPerSecond) : '–'}</Figure>
        <Figure name="Round trip">{stats?.latency === undefined ? '–' : `${Math.round(stats.latency)} ms`}</Figure>
        <Figure name="Size">{canvas ? `${canvas.width} × ${canvas.height}` : '–'}</Figure>
      </dl>
      <Text fz="xs" c="dimmed" mt="sm">
        The round trip goes all the way to the session’s display. Nothing is sent while nothing moves.
      </Text>
    </>
  );
}

function Figure({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="tabular">{children}</dd>
    </div>
  );
}
