import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { QuotaUsage } from '@/components/QuotaUsage';
import { useUser } from '@/hooks/queries';
import classes from './Account.module.css';
import { BrowsersPanel } from './BrowsersPanel';
import { ManagedGroups } from './ManagedGroups';
import { MfaPanel } from './MfaPanel';
import { PasswordPanel } from './PasswordPanel';
import { ProfilePanel } from './ProfilePanel';

export function AccountPage() {
  const user = useUser();
  return (
    <>
      <PageHeader title="My account" text="Who you are here, and how you sign in." />
      <div className={classes.grid}>
        <div className={classes.column}>
          <ProfilePanel />
          <PasswordPanel />
        </div>
        <div className={classes.column}>
          <MfaPanel />
          <ManagedGroups />
          <BrowsersPanel />
          <Panel title="Usage" text="What you use of what you may use.">
            <QuotaUsage owner={{ kind: 'user', name: user.username }} />
          </Panel>
        </div>
      </div>
    </>
  );
}
