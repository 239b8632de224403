// The parts of an address that are places within one another.
export const LEVELS = ['province', 'city', 'district'] as const;
export type Level = (typeof LEVELS)[number];

export interface RegionChoice {
  code: string;
  name: string;
  place: Partial<Record<Level, string>>; // the name of each level down to this one
}

export const isLevel = (name: string): name is Level => (LEVELS as readonly string[]).includes(name);
