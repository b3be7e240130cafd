/** Waits for work, so long at most; what takes longer goes on by itself. */
export async function atMost(waitMaxMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMaxMs);
  });
  await Promise.race([work, deadline]);
  clearTimeout(timer);
}
