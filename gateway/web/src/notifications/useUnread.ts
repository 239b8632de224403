// How many notifications the person has not read: live, as lists are read again when the stream tells of one.
import { query } from '../api/query';
import { useList } from '../api/records';

export function useUnread(): number {
  const { data } = useList('notifications', query({ 'filter[read][eq]': 'false', count: 'true', limit: '1' }));
  return Number(data?.pages[0]?.page.total ?? 0);
}
