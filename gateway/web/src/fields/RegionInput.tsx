// A province, city or district: chosen from those that there are, or typed, for an address may be anywhere.
import { AutoComplete } from 'antd';
import { useState } from 'react';
import type { MessageValue } from '../api/records';
import type { Level, RegionChoice } from './regionLevels';

type Offer = (level: Level, row: Partial<Record<Level, string>>, typed: string) => RegionChoice[];

interface Props {
  level: Level;
  row: MessageValue;
  maxLength: number | undefined;
  error: boolean;
  fill: (parts: MessageValue) => void; // choosing a district says its city and province, too
  input: { id: string | undefined; 'aria-label': string; 'aria-invalid': boolean | undefined };
}

const textsOf = (row: MessageValue) => Object.fromEntries(Object.entries(row).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

export function RegionInput({ level, row, maxLength, error, fill, input }: Props) {
  const [offer, setOffer] = useState<Offer>();
  const [typed, setTyped] = useState(''); // since the input was entered: what stood there before narrows nothing
  const choices = offer === undefined ? [] : offer(level, textsOf(row), typed);
  const load = () => {
    setTyped('');
    if (offer === undefined) void import('./regions').then((regions) => setOffer(() => regions.offer));
  };
  const shown = (choice: RegionChoice) => Object.entries(choice.place).filter(([at]) => at !== level && row[at] !== choice.place[at as Level]).map(([, name]) => name);

  return (
    <AutoComplete
      id={input.id}
      aria-label={input['aria-label']}
      aria-invalid={input['aria-invalid']}
      placeholder={input['aria-label']}
      status={error ? 'error' : ''}
      popupMatchSelectWidth={false}
      maxLength={maxLength}
      value={typeof row[level] === 'string' ? row[level] : ''}
      options={choices.map((choice) => ({ value: choice.code, label: [choice.name, ...shown(choice)].join(' · '), place: choice.place }))}
      onFocus={load}
      onSearch={setTyped}
      onChange={(text: string) => fill({ [level]: choices.find(({ code }) => code === text)?.name ?? text })}
      onSelect={(_code: string, option: { place: RegionChoice['place'] }) => {
        setTyped('');
        fill(option.place);
      }}
    />
  );
}
