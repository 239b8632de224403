// Query strings as the API reads them: a comma between values stands as it is, one inside of a value is encoded. That is
// more than URLSearchParams can say, which encodes both.

export interface Parameter {
  name: string; // "q", "sort", "filter[stage][in]"
  values: string[];
}

export function parseQuery(search: string): Parameter[] {
  return search
    .replace(/^\?/, '')
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      const [name, text] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
      return { name: decode(name), values: text.split(',').map(decode) };
    });
}

// A URL that someone cut in the middle of an escape is read as it stands.
function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

export function formatQuery(parameters: Parameter[]): string {
  return parameters.map(({ name, values }) => `${name}=${values.map(encodeURIComponent).join(',')}`).join('&');
}

export const query = (parameters: Record<string, string>): string => formatQuery(Object.entries(parameters).map(([name, value]) => ({ name, values: [value] })));
