// The icons in use. Each is decoration beside words, or inside of a button that has a name: silent to screen readers, whom
// Ant Design's own would tell "filter Filter".
import {
  ApartmentOutlined as ApartmentDrawing,
  ApiOutlined as ApiDrawing,
  ArrowDownOutlined as ArrowDownDrawing,
  ArrowLeftOutlined as ArrowLeftDrawing,
  ArrowUpOutlined as ArrowUpDrawing,
  BankOutlined as BankDrawing,
  BellOutlined as BellDrawing,
  BgColorsOutlined as BgColorsDrawing,
  CaretDownOutlined as CaretDownDrawing,
  CaretUpOutlined as CaretUpDrawing,
  CheckSquareOutlined as CheckSquareDrawing,
  ClockCircleOutlined as ClockCircleDrawing,
  CloseOutlined as CloseDrawing,
  ContactsOutlined as ContactsDrawing,
  CopyOutlined as CopyDrawing,
  DeleteOutlined as DeleteDrawing,
  DesktopOutlined as DesktopDrawing,
  DownloadOutlined as DownloadDrawing,
  EditOutlined as EditDrawing,
  EllipsisOutlined as EllipsisDrawing,
  EnvironmentOutlined as EnvironmentDrawing,
  FileTextOutlined as FileTextDrawing,
  FilterOutlined as FilterDrawing,
  HistoryOutlined as HistoryDrawing,
  HolderOutlined as HolderDrawing,
  ImportOutlined as ImportDrawing,
  InboxOutlined as InboxDrawing,
  KeyOutlined as KeyDrawing,
  MailOutlined as MailDrawing,
  PauseCircleOutlined as PauseCircleDrawing,
  PhoneOutlined as PhoneDrawing,
  PlayCircleOutlined as PlayCircleDrawing,
  PlusOutlined as PlusDrawing,
  QuestionCircleOutlined as QuestionCircleDrawing,
  ReloadOutlined as ReloadDrawing,
  SearchOutlined as SearchDrawing,
  SendOutlined as SendDrawing,
  SettingOutlined as SettingDrawing,
  TagsOutlined as TagsDrawing,
  TeamOutlined as TeamDrawing,
  TranslationOutlined as TranslationDrawing,
  UndoOutlined as UndoDrawing,
  UnorderedListOutlined as UnorderedListDrawing,
  UserOutlined as UserDrawing,
} from '@ant-design/icons';

function silent(Drawing: typeof CloseDrawing) {
  return function Icon({ className }: { className?: string }) {
    return <Drawing className={className} aria-hidden />;
  };
}

export const ApartmentOutlined = silent(ApartmentDrawing);
export const ApiOutlined = silent(ApiDrawing);
export const ArrowDownOutlined = silent(ArrowDownDrawing);
export const ArrowLeftOutlined = silent(ArrowLeftDrawing);
export const ArrowUpOutlined = silent(ArrowUpDrawing);
export const BankOutlined = silent(BankDrawing);
export const BellOutlined = silent(BellDrawing);
export const BgColorsOutlined = silent(BgColorsDrawing);
export const CaretDownOutlined = silent(CaretDownDrawing);
export const CaretUpOutlined = silent(CaretUpDrawing);
export const CheckSquareOutlined = silent(CheckSquareDrawing);
export const ClockCircleOutlined = silent(ClockCircleDrawing);
export const CloseOutlined = silent(CloseDrawing);
export const ContactsOutlined = silent(ContactsDrawing);
export const CopyOutlined = silent(CopyDrawing);
export const TagsOutlined = silent(TagsDrawing);
export const DeleteOutlined = silent(DeleteDrawing);
export const DesktopOutlined = silent(DesktopDrawing);
export const DownloadOutlined = silent(DownloadDrawing);
export const EditOutlined = silent(EditDrawing);
export const EllipsisOutlined = silent(EllipsisDrawing);
export const EnvironmentOutlined = silent(EnvironmentDrawing);
export const FileTextOutlined = silent(FileTextDrawing);
export const FilterOutlined = silent(FilterDrawing);
export const HistoryOutlined = silent(HistoryDrawing);
export const HolderOutlined = silent(HolderDrawing);
export const ImportOutlined = silent(ImportDrawing);
export const InboxOutlined = silent(InboxDrawing);
export const KeyOutlined = silent(KeyDrawing);
export const MailOutlined = silent(MailDrawing);
export const PauseCircleOutlined = silent(PauseCircleDrawing);
export const PhoneOutlined = silent(PhoneDrawing);
export const PlayCircleOutlined = silent(PlayCircleDrawing);
export const PlusOutlined = silent(PlusDrawing);
export const QuestionCircleOutlined = silent(QuestionCircleDrawing);
export const ReloadOutlined = silent(ReloadDrawing);
export const SearchOutlined = silent(SearchDrawing);
export const SendOutlined = silent(SendDrawing);
export const SettingOutlined = silent(SettingDrawing);
export const TeamOutlined = silent(TeamDrawing);
export const TranslationOutlined = silent(TranslationDrawing);
export const UndoOutlined = silent(UndoDrawing);
export const UnorderedListOutlined = silent(UnorderedListDrawing);
export const UserOutlined = silent(UserDrawing);
