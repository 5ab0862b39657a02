(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const chooser = document.getElementById("map-chooser");
  const select = document.getElementById("map-head");
  const words = document.getElementById("map-words");
  const sides = ["teacher", "student"].map((name) => {
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.className = "map-canvas";
    document.getElementById("map-" + name).replaceWith(canvas);
    return { name, canvas };
  });

  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

  /* The style sheet's colour, whatever its notation, as red, green and blue. */
  const colour = () => {
    const pixel = document.createElement("canvas").getContext("2d");
    pixel.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--map").trim();
    pixel.fillRect(0, 0, 1, 1);
    return pixel.getImageData(0, 0, 1, 1).data;
  };

  const show = () => {
    const map = data[Number(select.value)];
    const ink = colour();
    sides.forEach(({ name, canvas }, side) => {
      canvas.width = canvas.height = map.size;
      const context = canvas.getContext("2d");
      const image = context.createImageData(map.size, map.size);
      const values = bytes(map.weights[side]);
      let next = 0;
      for (let row = 0; row < map.size; row++) {
        for (let column = 0; column <= row; column++) {
          const place = 4 * (row * map.size + column);
          image.data.set([ink[0], ink[1], ink[2], values[next++]], place);
        }
      }
      context.putImageData(image, 0, 0);
      canvas.setAttribute("aria-label", `Attention of the ${name}, ${map.name}`);
    });
    words.textContent = map.words;
  };

  /* A cell of the grid of heads leads to its map. */
  const byName = new Map(data.map((map, index) => [map.name, index]));
  document.querySelectorAll("rect.heat > title").forEach((title) => {
    const index = byName.get(title.textContent.split(":")[0]);
    if (index === undefined) return;
    title.parentNode.classList.add("linked");
    title.parentNode.addEventListener("click", () => {
      select.value = String(index);
      show();
      chooser.scrollIntoView({ block: "center" });
    });
  });

  chooser.hidden = false;
  select.addEventListener("change", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  addEventListener("beforeprint", show);
  addEventListener("afterprint", show);
  show();
})();
