// Scopes of a still, drawn here: waveform of luma, vectorscope with its targets, histogram. R'G'B' of Rec.709, full range.
// Source: ITU-R BT.709-6, items 3.2 and 3.3 (luma and colour differences).
"use strict";
(() => {
  const KR = 0.2126, KG = 0.7152, KB = 0.0722, ACROSS = 720;
  const TARGETS = { R: [1, 0, 0], Yl: [1, 1, 0], G: [0, 1, 0], Cy: [0, 1, 1], B: [0, 0, 1], Mg: [1, 0, 1] };
  const place = document.getElementById("scopes"), either = document.getElementById("either");
  if (!place) return;
  const luma = (r, g, b) => KR * r + KG * g + KB * b;

  async function pixels(url) {
    const picture = new Image();
    picture.src = url;
    await picture.decode();
    const canvas = document.createElement("canvas");
    canvas.width = Math.min(picture.naturalWidth, ACROSS);
    canvas.height = Math.max(Math.round(picture.naturalHeight * canvas.width / picture.naturalWidth), 1);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }

  // Draw how often each place was hit, as light: a place hit twice as often is a step brighter.
  function plot(canvas, counts, tone) {
    const context = canvas.getContext("2d"), { width, height } = canvas;
    const image = context.createImageData(width, height);
    const most = counts.reduce((high, count) => Math.max(high, count), 1);
    for (let at = 0; at < counts.length; at++) {
      if (!counts[at]) continue;
      const light = 0.22 + 0.78 * Math.log1p(counts[at]) / Math.log1p(most);
      image.data.set([tone[0] * light, tone[1] * light, tone[2] * light, 255], 4 * at);
    }
    context.putImageData(image, 0, 0);
    context.font = "12px system-ui, sans-serif";
    context.strokeStyle = "#3a414c";
    context.fillStyle = "#939ba7";
    return context;
  }

  function waveform({ data, width: across }) {
    const canvas = document.getElementById("waveform"), { width, height } = canvas;
    const low = height - 14, span = height - 28, counts = new Uint32Array(width * height);
    for (let at = 0; at < data.length; at += 4) {
      const x = Math.floor(((at / 4) % across) * width / across);
      const y = Math.round(low - span * luma(data[at], data[at + 1], data[at + 2]) / 255);
      counts[y * width + x]++;
    }
    const context = plot(canvas, counts, [150, 226, 168]);
    for (const percent of [0, 25, 50, 75, 100]) {
      const y = Math.round(low - span * percent / 100) + 0.5;
      context.beginPath(); context.moveTo(0, y); context.lineTo(width, y); context.stroke();
      context.fillText(percent, 4, y - 3);
    }
  }

  function differences(r, g, b) {
    const y = luma(r, g, b);
    return [(b - y) / (2 * (1 - KB)), (r - y) / (2 * (1 - KR))];
  }

  function vectorscope({ data }) {
    const canvas = document.getElementById("vectorscope"), { width, height } = canvas;
    const middle = width / 2, reach = width * 0.92, counts = new Uint32Array(width * height);
    for (let at = 0; at < data.length; at += 4) {
      const [cb, cr] = differences(data[at] / 255, data[at + 1] / 255, data[at + 2] / 255);
      counts[Math.round(middle - cr * reach) * width + Math.round(middle + cb * reach)]++;
    }
    const context = plot(canvas, counts, [170, 205, 240]);
    context.beginPath(); context.arc(middle, middle, reach * 0.5, 0, 2 * Math.PI); context.stroke();
    context.beginPath(); context.moveTo(middle, 8); context.lineTo(middle, height - 8);
    context.moveTo(8, middle); context.lineTo(width - 8, middle); context.stroke();
    for (const [name, colour] of Object.entries(TARGETS)) {
      const [cb, cr] = differences(...colour.map((part) => 0.75 * part));
      const x = middle + cb * reach, y = middle - cr * reach;
      context.strokeRect(x - 6, y - 6, 12, 12);
      context.fillText(name, x + 8, y - 7);
    }
  }

  function histogram({ data }) {
    const canvas = document.getElementById("histogram"), { width, height } = canvas, context = canvas.getContext("2d");
    const bins = [0, 1, 2, 3].map(() => new Uint32Array(256));
    for (let at = 0; at < data.length; at += 4) {
      for (let part = 0; part < 3; part++) bins[part][data[at + part]]++;
      bins[3][Math.round(luma(data[at], data[at + 1], data[at + 2]))]++;
    }
    context.clearRect(0, 0, width, height);
    context.globalCompositeOperation = "lighter";
    const most = Math.max(...bins.map((bin) => [...bin].sort((one, other) => other - one)[4]), 1);
    ["#a03c34", "#2f8a4c", "#3766b8", "#5a5f66"].forEach((tone, part) => {
      context.fillStyle = tone;
      bins[part].forEach((count, code) => {
        const tall = Math.min(count / most, 1) * (height - 6);
        context.fillRect(code * width / 256, height - tall, width / 256 + 0.5, tall);
      });
    });
    context.globalCompositeOperation = "source-over";
  }

  async function draw(which) {
    const seen = await pixels(place.dataset[which]);
    for (const scope of [waveform, vectorscope, histogram]) scope(seen);
    for (const button of either.children) button.setAttribute("aria-pressed", String(button.value === which));
    place.dataset.drawn = which;
  }

  either.addEventListener("click", (event) => {
    const other = place.dataset.drawn === "plain" && place.dataset.enhanced ? "enhanced" : "plain";
    draw(event.target.value ?? other);
  });
  draw(place.dataset.enhanced ? "enhanced" : "plain");
})();
