import type { AccountScope, Page, PageRequest } from './scope.ts'

/** A file that is kept: what it is, and the key of the blob that has its bytes. */
export interface FileRow {
  readonly id: string
  readonly accountId: string
  /** As its owner calls it: data, and never a path. */
  readonly name: string
  readonly purpose: string
  readonly mediaType: string
  readonly bytes: number
  readonly created: number
  /** From then on it is not there any more. */
  readonly expires: number | undefined
  readonly blob: string
  /** 64 lower-case hex digits. */
  readonly sha256: string
}

/** A file whose bytes are still to come. */
export type BegunFile = Omit<FileRow, 'bytes' | 'sha256'>

/** Which files to list. Absent fields do not filter. */
export interface FileFilter {
  readonly purpose?: string | undefined
}

/** Which page of files, in which order. */
export interface FilePage extends PageRequest {
  /** Newest first unless said otherwise. */
  readonly order?: 'oldest first' | 'newest first' | undefined
  /** The page begins behind the file of this id, instead of at a cursor; `invalid_request` when it is not there. */
  readonly after?: string | undefined
}

/**
 * What is known of files. A file is begun, and seen by nobody, until its bytes are where they stay; when it is removed nobody sees it
 * any more, and its row stays until the bytes are gone. So there is a row for every blob, also after a crash at any point, and a blob for
 * every row that is seen. `at` is the time to judge expiry by.
 */
export interface FileStore {
  /** `conflict` when the id is taken. */
  begin(file: BegunFile): Promise<void>
  /** Lets it be seen from now on. `not_found` when it was not begun, or given up since. */
  complete(id: string, found: Pick<FileRow, 'bytes' | 'sha256'>): Promise<FileRow>
  /** `not_found`, also for another account's and for one that is past its time. */
  file(id: string, scope: AccountScope, at: number): Promise<FileRow>
  files(filter: FileFilter, scope: AccountScope, page: FilePage, at: number): Promise<Page<FileRow>>
  /** Lets nobody see it any more, and gives it. `not_found` as above. */
  remove(id: string, scope: AccountScope, at: number): Promise<FileRow>
  /** Files whose bytes are to go: removed, past their time, or begun before `abandoned` and never completed. */
  leftovers(at: number, abandoned: number, limit: number): Promise<readonly Pick<FileRow, 'id' | 'blob'>[]>
  /** Forgets the rows of those ids: their bytes are gone. */
  forget(ids: readonly string[]): Promise<void>
}
