// Draws the points of a map: by WebGL, or where there is none by a canvas. Knows neither the page nor the server.

const VERTEX = `
attribute vec2 place;
attribute float code;
uniform vec2 middle;
uniform vec2 scale;
uniform float size;
uniform vec4 palette[16];
varying vec4 colour;
void main() {
  gl_Position = vec4((place - middle) * scale, 0.0, 1.0);
  gl_PointSize = code > 14.5 ? size * 1.6 : size;
  colour = palette[int(code + 0.5)];
}`;
const FRAGMENT = `
precision mediump float;
varying vec4 colour;
void main() {
  vec2 from = gl_PointCoord - 0.5;
  if (dot(from, from) > 0.25) discard;
  gl_FragColor = vec4(colour.rgb * colour.a, colour.a);
}`;

/** A drawer for a canvas: {name, put(points), colour(codes), draw(camera, runs, {palette, size, step, ratio}) → points drawn, close()}. */
export function drawer(canvas, { gl = true } = {}) {
  const context = gl ? canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true, alpha: true }) : null;
  return context ? new Gl(context) : new Flat(canvas.getContext("2d"));
}

class Gl {
  name = "webgl";

  constructor(gl) {
    this.gl = gl;
    const program = (this.program = gl.createProgram());
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) || "the context is lost");
    gl.useProgram(program);
    this.places = gl.createBuffer();
    this.codes = gl.createBuffer();
    this.at = Object.fromEntries(["middle", "scale", "size", "palette"].map((name) => [name, gl.getUniformLocation(program, name)]));
    this.place = gl.getAttribLocation(program, "place");
    this.code = gl.getAttribLocation(program, "code");
    gl.enableVertexAttribArray(this.place);
    gl.enableVertexAttribArray(this.code);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  put(points) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.places);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, points, this.gl.STATIC_DRAW);
  }

  colour(codes) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.codes);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, codes, this.gl.DYNAMIC_DRAW);
  }

  draw(camera, runs, { palette, size, step, ratio }) {
    const { gl } = this;
    gl.viewport(0, 0, gl.canvas.width, gl.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(this.at.middle, camera.x, camera.y);
    gl.uniform2f(this.at.scale, (2 * camera.scale) / camera.width, (2 * camera.scale) / camera.height);
    gl.uniform1f(this.at.size, size * ratio);
    gl.uniform4fv(this.at.palette, palette);
    let drawn = 0;
    for (const [from, to] of runs) {
      const count = Math.ceil((to - from) / step);
      gl.bindBuffer(gl.ARRAY_BUFFER, this.places); // every step-th point: the same memory, read in longer steps
      gl.vertexAttribPointer(this.place, 2, gl.FLOAT, false, 8 * step, 8 * from);
      gl.bindBuffer(gl.ARRAY_BUFFER, this.codes);
      gl.vertexAttribPointer(this.code, 1, gl.UNSIGNED_BYTE, false, step, from);
      gl.drawArrays(gl.POINTS, 0, count);
      drawn += count;
    }
    return drawn;
  }

  close() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

class Flat {
  name = "canvas";

  constructor(context) {
    this.context = context;
  }

  put(points) {
    this.points = points;
  }

  colour(codes) {
    this.codes = codes;
  }

  draw(camera, runs, { palette, size, step, ratio }) {
    const { context, points, codes } = this;
    const { width, height } = context.canvas;
    context.clearRect(0, 0, width, height);
    const side = Math.max(1, Math.round(size * ratio));
    const byColour = new Map();
    let drawn = 0;
    for (const [from, to] of runs) {
      for (let i = from; i < to; i += step, drawn++) {
        if (!byColour.has(codes[i])) byColour.set(codes[i], []);
        byColour.get(codes[i]).push(i);
      }
    }
    for (const [code, list] of byColour) {
      const [r, g, b, a] = palette.subarray(4 * code, 4 * code + 4);
      context.fillStyle = `rgb(${255 * r} ${255 * g} ${255 * b} / ${a})`;
      for (const i of list) {
        const [x, y] = camera.screen(points[2 * i], points[2 * i + 1]);
        context.fillRect(x * ratio - side / 2, y * ratio - side / 2, side, side);
      }
    }
    return drawn;
  }

  close() {}
}
