// Undoing a merge: from the toast that told of it, or later from the list of merges.
import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { newIdempotencyKey } from '../api/client';
import { unmergeCustomers } from '../relations/api';
import { useProblemText } from '../ui/ErrorState';
import { useToast } from '../ui/Toasts';

// All that a merge, or its undoing, changes somewhere.
export function refreshMerged(client: QueryClient): void {
  for (const collection of ['customers', 'duplicates', 'contacts', 'activities', 'relationships', 'merges']) void client.invalidateQueries({ queryKey: [collection] });
}

export function useUnmerge(): (id: string, mergeId?: string) => Promise<void> {
  const { t } = useTranslation();
  const client = useQueryClient();
  const toast = useToast();
  const problemText = useProblemText();
  return async (id, mergeId) => {
    try {
      await unmergeCustomers(id, newIdempotencyKey(), mergeId);
      refreshMerged(client);
      toast({ text: t('merge.undone') });
    } catch (problem) {
      toast({ kind: 'error', text: problemText(problem) });
    }
  };
}
