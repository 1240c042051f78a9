// Fills the page from two more files.
async function fill() {
  const rows = await (await fetch("data.json")).json();
  const table = document.getElementById("data");
  for (const [day, celsius, rain] of [["day", "°C", "mm"], ...rows]) {
    const row = table.insertRow();
    for (const value of [day, celsius, rain]) {
      row.insertCell().textContent = value;
    }
  }
  document.getElementById("story").textContent = await (await fetch("story.txt")).text();
  document.getElementById("state").textContent = "Scripts: done, " + rows.length + " rows.";
}

fill();
