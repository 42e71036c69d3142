import { Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { LogoMark } from '@/components/Logo';
import { LoginArt } from './LoginArt';
import classes from './LoginPage.module.css';

interface Props {
  title: string;
  text: ReactNode;
  children: ReactNode;
}

/** The frame of what stands before the application: sign-in and first set-up. */
export function EntryPage({ title, text, children }: Props) {
  return (
    <div className={classes.page}>
      <main className={classes.side}>
        <div className={classes.form}>
          <LogoMark size={48} />
          <Title order={1} mt="lg">
            {title}
          </Title>
          <Text c="dimmed" mt={6} mb={28}>
            {text}
          </Text>
          {children}
        </div>
      </main>
      <div className={classes.art} aria-hidden>
        <LoginArt />
      </div>
    </div>
  );
}
