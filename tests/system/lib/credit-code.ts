// 统一社会信用代码 (GB 32100-2015) made independently of the product, from the formula of the standard.

const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/** A right code with that organisation number; each number gives another. */
export function creditCode(organisation: number): string {
  const body = `91440300${organisation.toString().padStart(9, "0")}`;
  const sum = [...body].reduce((total, character, index) => total + alphabet.indexOf(character) * (3 ** index % 31), 0);
  return body + alphabet.charAt((31 - (sum % 31)) % 31);
}

/** A right code that no other test is likely to use. */
export const newCreditCode = (): string => creditCode(Math.floor(Math.random() * 1e9));

/** The code with another check character. */
export function withWrongCheck(code: string): string {
  const last = alphabet.indexOf(code.charAt(17));
  return code.slice(0, 17) + alphabet.charAt((last + 1) % alphabet.length);
}
