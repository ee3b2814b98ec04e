// A line that is cut is said, and the page goes on by itself when it is mended.

export async function lines({ page, line }) {
  const one = await page("/");
  await one.locator(".fresh").waitFor();
  line.cut();
  await one.locator(".banner.bad").waitFor();
  await one.getByText("it goes on by itself").waitFor();
  // What was there stays.
  await one.getByRole("heading", { name: "Campaigns", exact: true }).waitFor();
  await line.mend();
  await one.locator(".banner.bad").waitFor({ state: "detached" });
}
