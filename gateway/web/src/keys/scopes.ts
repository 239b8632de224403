// Scopes as the server names them ("customers:read"), and as people do.
import { useTranslation } from 'react-i18next';
import { useSchema } from '../api/schema';
import { useLabel } from '../i18n/i18n';

// Keys open neither sessions nor other keys.
const WITHOUT = ['sessions', 'apiKeys'];

export function useScopeName(): (scope: string) => string {
  const { t } = useTranslation();
  const schema = useSchema();
  const label = useLabel();
  return (scope) => {
    const [collection = '', right] = scope.split(':');
    const resource = schema.find(collection);
    const name = collection === 'files' ? t('keys.files') : resource === undefined ? collection : label(resource.plural);
    return t(right === 'write' ? 'keys.write' : 'keys.read', { name });
  };
}

export function useScopeChoices(): { value: string; label: string }[] {
  const schema = useSchema();
  const name = useScopeName();
  const collections = [...schema.resources.map(({ collection }) => collection).filter((collection) => !WITHOUT.includes(collection)), 'files'];
  const rights = (collection: string) => (schema.find(collection)?.personsWrite === true ? ['read'] : ['read', 'write']);
  return collections.flatMap((collection) => rights(collection).map((right) => `${collection}:${right}`)).map((value) => ({ value, label: name(value) }));
}
