// In a part of its own, loaded when the first number is shown (PhoneNumber.tsx): the numbering plans of all countries are 80 kB.
import { parsePhoneNumberFromString } from 'libphonenumber-js/min';

export const phoneGroups = (number: string): string[] => (parsePhoneNumberFromString(number)?.formatInternational() ?? number).split(/[^+\d]+/);
