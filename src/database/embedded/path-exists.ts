import { stat } from 'node:fs/promises';

/** @throws where that cannot be told, for want of a permission for instance. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
