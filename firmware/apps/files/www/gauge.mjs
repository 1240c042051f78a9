// A module: browsers take it only with a JavaScript content type.
const bar = document.createElement("span");
bar.style.width = "0";
document.getElementById("gauge").append(bar);
requestAnimationFrame(() => { bar.style.width = "70%"; });
