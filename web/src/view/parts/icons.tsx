/** Line icons, 20 by 20. They are hidden from screen readers: the button around one has the name. */

const PATHS = {
  plus: "M10 4v12M4 10h12",
  search: "M9 4a5 5 0 1 1 0 10A5 5 0 0 1 9 4m3.7 8.7L17 17",
  sidebar: "M3.5 4.5h13v11h-13zM8 4.5v11",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  close: "M5 5l10 10M15 5L5 15",
  send: "M10 16V4.5M5 9l5-5 5 5",
  image: "M3.5 4.5h13v11h-13zM3.5 13l4-4 4 4 2.5-2.5 2.5 2.5M13 8h.01",
  camera: "M3.5 6.5h3l1.2-2h4.6l1.2 2h3v9h-13zM10 8.2a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.2",
  copy: "M7.5 7.5h9v9h-9zM4.5 12.5h-1v-9h9v1",
  check: "M4 10.5l4 4 8-9",
  redo: "M15.5 8.5A6 6 0 1 0 16 11.5M16 4.5v4h-4",
  edit: "M4 16l.8-3.5 8.4-8.4 2.7 2.7-8.4 8.4zM11.6 5.7l2.7 2.7",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  down: "M5 8l5 5 5-5",
  play: "M7 5l8 5-8 5z",
  info: "M10 3.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13M10 9.3v4M10 6.7h.01",
  gear: "M3.5 6.5h7M14.5 6.5h2M3.5 13.5h2M9.5 13.5h7M10.5 6.5a2 2 0 1 0 4 0 2 2 0 0 0-4 0M5.5 13.5a2 2 0 1 0 4 0 2 2 0 0 0-4 0",
  keyboard: "M2.5 5.5h15v9h-15zM5.5 8.5h.01M8.5 8.5h.01M11.5 8.5h.01M14.5 8.5h.01M6.5 11.5h7",
  box: "M3.5 7l6.5-3.5L16.5 7v6.5L10 17l-6.5-3.5zM3.5 7l6.5 3.5L16.5 7M10 10.5V17",
  dice: "M4 4h12v12H4zM7.5 7.5h.01M12.5 7.5h.01M10 10h.01M7.5 12.5h.01M12.5 12.5h.01",
  grid: "M4 4h5v5H4zM11 4h5v5h-5zM4 11h5v5H4zM11 11h5v5h-5z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface ButtonProps {
  icon: IconName;
  label: string;
  onClick: (event: MouseEvent) => void;
  class?: string;
  disabled?: boolean;
  expanded?: boolean;
}

/** A button that is an icon; its name is its tooltip. */
export function IconButton({ icon, label, onClick, disabled, expanded, ...rest }: ButtonProps) {
  return (
    <button
      type="button" class={`icon-button ${rest.class ?? ""}`} title={label} aria-label={label} onClick={onClick}
      disabled={disabled} aria-expanded={expanded}
    >
      <Icon name={icon} />
    </button>
  );
}

/** r1v in its box: the mark of the page. */
export function Mark() {
  return (
    <span class="mark" aria-label="r1v" role="img">
      <span aria-hidden="true">r1v</span>
    </span>
  );
}
