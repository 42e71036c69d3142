import { Chip, CloseButton, Group, Kbd, TextInput } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useRef } from 'react';
import { ALL, categoryLabel } from '@/lib/templates';
import classes from './Apps.module.css';

interface Props {
  search: string;
  onSearch: (text: string) => void;
  category: string;
  onCategory: (category: string) => void;
  categories: string[];
}

export function CatalogueFilter({ search, onSearch, category, onCategory, categories }: Props) {
  const input = useRef<HTMLInputElement>(null);
  useHotkeys([['/', () => input.current?.focus()]]);
  return (
    <div className={classes.filter}>
      <TextInput
        ref={input}
        className={classes.searchBox}
        radius="md"
        size="md"
        type="search"
        aria-label="Search applications"
        placeholder="Search applications"
        leftSection={<IconSearch size={18} aria-hidden />}
        rightSection={
          search ? <CloseButton aria-label="Clear the search" onClick={() => onSearch('')} /> : <Kbd size="sm" className={classes.slash}>/</Kbd>
        }
        value={search}
        onChange={(event) => onSearch(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onSearch('');
        }}
        data-testid="catalogue-search"
      />
      {categories.length > 1 && (
        <Chip.Group value={category} onChange={(value) => onCategory(value as string)}>
          <Group gap={8} role="radiogroup" aria-label="Category" className={classes.chips}>
            {[ALL, ...categories].map((value) => (
              <Chip key={value} value={value} size="sm" radius="xl" variant="light" icon={null} classNames={{ iconWrapper: classes.noIcon, label: classes.chip }}>
                {value === ALL ? 'All' : categoryLabel(value)}
              </Chip>
            ))}
          </Group>
        </Chip.Group>
      )}
    </div>
  );
}
