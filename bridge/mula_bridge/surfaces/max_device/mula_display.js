// Rings: the value that is set, as a mark, and the value that is heard, as an arc with its
// number. They differ while sound that was made before a knob moved still plays. Below them,
// how far the running job is.

autowatch = 0;
mgraphics.init();
mgraphics.relative_coords = 0;
mgraphics.autofill = 0;

var GREY = [0.5, 0.5, 0.5, 0.45], HEARD = [1.0, 0.55, 0.2, 1.0], MARK = [0.5, 0.5, 0.5, 1.0];
var START = 0.75 * Math.PI, SWEEP = 1.5 * Math.PI; // from lower left over the top
var RADIUS = 14, BAR = 4;

var names = jsarguments.slice(1);
var rings = {};
var done = 0;

for (var index = 0; index < names.length; index++) {
    rings[names[index]] = {set: 0, heard: null, number: ""};
}

function value(name, way, number) {
    if (rings[name]) {
        rings[name].set = way;
        if (rings[name].heard === null) {
            rings[name].number = number;
        }
        mgraphics.redraw();
    }
}

function heard(name, way, number) {
    if (rings[name]) {
        rings[name].heard = way;
        rings[name].number = number;
        mgraphics.redraw();
    }
}

function progress(fraction) {
    done = fraction;
    mgraphics.redraw();
}

function paint() {
    var width = mgraphics.size[0], height = mgraphics.size[1];
    for (var index = 0; index < names.length; index++) {
        ring(rings[names[index]], (index + 0.5) * width / names.length, RADIUS + 3);
    }
    bar(0, height - BAR, width, GREY);
    bar(0, height - BAR, width * done, HEARD);
}
paint.local = 1;

function ring(state, x, y) {
    var at = START + SWEEP * state.set, size;
    arc(x, y, START, START + SWEEP, GREY);
    if (state.heard !== null) {
        arc(x, y, START, START + SWEEP * state.heard, HEARD);
    }
    mgraphics.set_source_rgba(MARK);
    mgraphics.set_line_width(2);
    mgraphics.move_to(x + (RADIUS - 5) * Math.cos(at), y + (RADIUS - 5) * Math.sin(at));
    mgraphics.line_to(x + (RADIUS + 1) * Math.cos(at), y + (RADIUS + 1) * Math.sin(at));
    mgraphics.stroke();
    mgraphics.select_font_face("Arial", "normal", "normal");
    mgraphics.set_font_size(8);
    size = mgraphics.text_measure(state.number);
    mgraphics.move_to(x - size[0] / 2, y + 3);
    mgraphics.show_text(state.number);
}
ring.local = 1;

function arc(x, y, from, to, colour) {
    mgraphics.set_source_rgba(colour);
    mgraphics.set_line_width(3);
    mgraphics.arc(x, y, RADIUS, from, to);
    mgraphics.stroke();
}
arc.local = 1;

function bar(x, y, width, colour) {
    mgraphics.set_source_rgba(colour);
    mgraphics.rectangle(x, y, width, BAR);
    mgraphics.fill();
}
bar.local = 1;
