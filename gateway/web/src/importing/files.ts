// Uploading a file with progress. XMLHttpRequest, because fetch() does not tell how much has been sent.
import { commonHeaders, Problem, problemFromText, request } from '../api/client';
import type { RecordData } from '../api/records';

export interface UploadedFile {
  id: string;
  name: string;
  size: string;
  preview?: { cells?: string[] }[]; // the headings, then the first rows; none of a file of lines
  headings?: string; // the same for files with the same headings
}

export interface ImportColumn {
  column: string;
  field: string;
}

export function uploadFile(file: File, onProgress: (share: number) => void, signal: AbortSignal): Promise<UploadedFile> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open('POST', `/api/v1/files?name=${encodeURIComponent(file.name)}`);
    for (const [name, value] of Object.entries(commonHeaders('POST'))) xhr.setRequestHeader(name, value);
    xhr.setRequestHeader('Content-Type', 'text/csv');
    xhr.upload.onprogress = (event) => onProgress(event.total > 0 ? event.loaded / event.total : 0);
    xhr.onload = () => (xhr.status < 300 ? resolve(JSON.parse(xhr.responseText) as UploadedFile) : reject(problemFromText(xhr.status, xhr.responseText)));
    xhr.onerror = () => reject(new Problem(0, {}));
    signal.addEventListener('abort', () => xhr.abort());
    xhr.send(file);
  });
}

export interface ImportRequest {
  fileId: string;
  columns: ImportColumn[];
  policy: string;
  key?: string;
  dryRun: boolean;
  automation: boolean;
}

export async function startImport(method: string, body: ImportRequest, idempotencyKey: string): Promise<RecordData> {
  return (await request<RecordData>('POST', `/api/v1/${method}`, { body, idempotencyKey })).data;
}

interface Page {
  data: RecordData[];
}

// What the same person chose for the last file with these headings.
export async function lastImport(headings: string, ownerId: string): Promise<RecordData | undefined> {
  const query = `filter[headings][eq]=${headings}&filter[ownerId][eq]=${ownerId}&sort=-createTime&limit=1`;
  return (await request<Page>('GET', `/api/v1/jobs?${query}`)).data.data[0];
}
