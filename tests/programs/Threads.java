// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// The program under test: a thread pool, garbage, a heap that moves, and a running checksum.
import java.io.FileWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

public class Threads {
	static long work(int seed) {
		List<long[]> garbage = new ArrayList<>();
		long sum = seed;
		for (int i = 0; i < 200; i++) {
			long[] block = new long[256];
			for (int k = 0; k < block.length; k++)
				block[k] = sum = sum * 6364136223846793005L + 1442695040888963407L;
			garbage.add(block);
		}
		for (long[] block : garbage)
			sum ^= block[(int) (sum & 255)];
		return sum;
	}

	public static void main(String[] args) throws Exception {
		FileWriter out = new FileWriter(args[0]);
		ExecutorService pool = Executors.newFixedThreadPool(4);
		long[] expect = new long[8];
		for (int i = 0; i < 8; i++)
			expect[i] = work(i);
		long last = System.nanoTime();
		for (int turn = 0;; turn++) {
			List<Future<Long>> results = new ArrayList<>();
			for (int i = 0; i < 8; i++) {
				int seed = i;
				results.add(pool.submit(() -> work(seed)));
			}
			boolean ok = true;
			for (int i = 0; i < 8; i++)
				ok &= results.get(i).get() == expect[i];
			long now = System.nanoTime();
			ok &= now >= last;
			last = now;
			out.write(turn + (ok ? " ok\n" : " WRONG\n"));
			out.flush();
			Thread.sleep(10);
		}
	}
}
